/** A chart over time: uPlot on a canvas, loaded when the first one is shown, and a table beside it. */

import { useEffect, useRef } from 'preact/hooks'
import type { History } from '../../../src/admin/contract.ts'
import { count } from './format.ts'
import 'uplot/dist/uPlot.min.css'

export interface Line {
  readonly name: string
  readonly title: string
  /** A custom property with its colour. */
  readonly colour: string
  readonly dash?: number[]
}

export function TimeChart(props: {
  readonly label: string
  readonly history: History | undefined
  readonly lines: readonly Line[]
}) {
  const box = useRef<HTMLDivElement>(null)
  const chart = useRef<{ setData(data: never): void; destroy(): void } | undefined>(undefined)
  const { history, lines } = props
  // The library comes later than the first numbers, or the other way round.
  const latest = useRef(history)
  latest.current = history
  useEffect(() => {
    const element = box.current
    if (element === null) return
    let isGone = false
    const observer = new ResizeObserver(([entry]) => {
      const width = Math.floor(entry?.contentRect.width ?? 0)
      const drawn = chart.current as { setSize?(to: object): void } | undefined
      if (width > 0) drawn?.setSize?.({ width, height: chartHeight })
    })
    void import('uplot').then(({ default: UPlot }) => {
      if (isGone) return
      const made = new UPlot(
        optionsOf(element, lines),
        dataOf(latest.current, lines) as never,
        element,
      )
      chart.current = made as never
      observer.observe(element)
    })
    return () => {
      isGone = true
      observer.disconnect()
      chart.current?.destroy()
      chart.current = undefined
    }
  }, [])
  useEffect(() => {
    chart.current?.setData(dataOf(history, lines) as never)
  }, [history])
  return (
    <figure class="time-chart">
      <figcaption class="row">
        {lines.map(({ name, title, colour }) => (
          <span key={name} class="legend">
            <span class="swatch" style={{ background: `var(${colour})` }} aria-hidden="true" />
            {title}: <strong>{lastOf(history, name)}</strong>
          </span>
        ))}
      </figcaption>
      {isEmpty(history, lines) && <p class="note">Nothing has happened here in this time.</p>}
      <div
        ref={box}
        hidden={isEmpty(history, lines)}
        role="img"
        aria-label={`${props.label}. ${summaryOf(history, lines)}`}
      />
    </figure>
  )
}

/** Known, and nothing but gaps: axes alone would look broken. */
function isEmpty(history: History | undefined, lines: readonly Line[]): boolean {
  if (history === undefined) return false
  return lines.every(({ name }) => history.series[name]?.some(value => value !== null) !== true)
}

const chartHeight = 180

function lastOf(history: History | undefined, name: string): string {
  const values = history?.series[name]?.filter(value => value !== null) ?? []
  return values.length === 0 ? '–' : count(values.at(-1)!)
}

function summaryOf(history: History | undefined, lines: readonly Line[]): string {
  return lines
    .map(({ name, title }) => {
      const values = history?.series[name]?.filter(value => value !== null) ?? []
      if (values.length === 0) return `${title}: nothing yet`
      return `${title}: now ${count(values.at(-1)!)}, highest ${count(Math.max(...values))}`
    })
    .join('; ')
}

function dataOf(history: History | undefined, lines: readonly Line[]) {
  const times = (history?.times ?? []).map(time => time / 1000)
  return [times, ...lines.map(({ name }) => history?.series[name] ?? times.map(() => null))]
}

/** 14:05 on whole minutes, 14:05:30 between them: as short as the day allows, whatever the locale. */
function timeOf(seconds: number, ticks: readonly number[]): string {
  const date = new Date(seconds * 1000)
  const two = (part: number): string => String(part).padStart(2, '0')
  const minutes = `${two(date.getHours())}:${two(date.getMinutes())}`
  return ticks.every(tick => tick % 60 === 0) ? minutes : `${minutes}:${two(date.getSeconds())}`
}

function optionsOf(element: HTMLElement, lines: readonly Line[]) {
  // A canvas knows no custom properties and no light-dark(): what they come to is asked for.
  const probe = document.createElement('span')
  element.append(probe)
  const colourOf = (property: string): string => {
    probe.style.color = `var(${property})`
    return getComputedStyle(probe).color
  }
  const axis = {
    stroke: colourOf('--ink-3'),
    grid: { stroke: colourOf('--line'), width: 1 },
    ticks: { show: false },
    font: '11px sans-serif',
  }
  const options = {
    width: Math.max(200, element.clientWidth),
    height: chartHeight,
    legend: { show: false },
    cursor: { points: { show: false } },
    scales: {
      y: { range: (_: unknown, __: number, high: number) => [0, Math.max(1, high * 1.1)] },
    },
    axes: [
      { ...axis, values: (_: unknown, ticks: number[]) => ticks.map(tick => timeOf(tick, ticks)) },
      {
        ...axis,
        size: 52,
        // Whole numbers: 0.75 of a message would be written as 0.8.
        incrs: Array.from({ length: 10 }, (_, power) =>
          [1, 2, 5].map(step => step * 10 ** power),
        ).flat(),
        values: (_: unknown, ticks: number[]) => ticks.map(value => count(value)),
      },
    ],
    series: [
      {},
      ...lines.map(({ title, colour, dash }) => ({
        label: title,
        stroke: colourOf(colour),
        width: 1.75,
        points: { show: false },
        spanGaps: true,
        ...(dash === undefined ? {} : { dash }),
      })),
    ],
  }
  probe.remove()
  return options as never
}
