/**
 * A sparkline as SVG, for a handful of numbers in a row; it needs no library. What has axes and
 * zoom loads uPlot when it is shown.
 */
export function Sparkline(props: {
  readonly label: string
  readonly values: readonly number[]
  readonly width?: number
  readonly height?: number
}) {
  const { values, width = 120, height = 28 } = props
  const top = Math.max(1, ...values)
  const step = width / Math.max(1, values.length - 1)
  const points = values.map((value, index) => {
    const y = height - 2 - (value / top) * (height - 4)
    return `${(index * step).toFixed(1)},${y.toFixed(1)}`
  })
  return (
    <svg
      class="sparkline"
      width={width}
      height={height}
      viewBox={`0 0 ${width} ${height}`}
      role="img"
      aria-label={`${props.label}: now ${values.at(-1) ?? 0}, highest ${Math.max(0, ...values)}`}
    >
      <polyline
        points={points.join(' ')}
        fill="none"
        stroke="var(--water)"
        stroke-width="1.5"
        stroke-linejoin="round"
      />
    </svg>
  )
}
