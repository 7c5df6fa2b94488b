import type { ComponentChildren } from 'preact'

export interface Column<Row> {
  readonly id: string
  readonly title: string
  readonly cell: (row: Row) => ComponentChildren
  /** Right-aligned, figures of equal width. */
  readonly numeric?: boolean
  /** Makes the column sortable by this. */
  readonly sortBy?: (row: Row) => string | number
}

export interface TableProps<Row> {
  readonly caption: string
  readonly columns: readonly Column<Row>[]
  readonly rows: readonly Row[]
  readonly rowId: (row: Row) => string
  readonly sort?: { readonly column: string; readonly descending: boolean } | undefined
  readonly onSort?: (sort: { column: string; descending: boolean }) => void
  /** What is said where there is no row. */
  readonly empty?: ComponentChildren
}

/** A table that scrolls in itself; its first column names the row. Sorting is the caller's state. */
export function Table<Row>(props: TableProps<Row>) {
  const { columns, sort } = props
  const sorted = sortRows(props)
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section class="table-scroll" tabIndex={0} aria-label={props.caption}>
      <table class="table">
        <caption class="visually-hidden">{props.caption}</caption>
        <thead>
          <tr>
            {columns.map(column => (
              <th
                key={column.id}
                scope="col"
                class={column.numeric === true ? 'num' : undefined}
                aria-sort={ariaSort(column.id, sort)}
              >
                {column.sortBy === undefined || props.onSort === undefined ? (
                  column.title
                ) : (
                  <button type="button" onClick={() => props.onSort!(nextSort(column.id, sort))}>
                    {column.title}
                    {sort?.column === column.id ? (sort.descending ? ' ↓' : ' ↑') : ''}
                  </button>
                )}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {sorted.map(row => (
            <tr key={props.rowId(row)}>
              {columns.map((column, index) =>
                index === 0 ? (
                  <th key={column.id} scope="row">
                    {column.cell(row)}
                  </th>
                ) : (
                  <td key={column.id} class={column.numeric === true ? 'num' : undefined}>
                    {column.cell(row)}
                  </td>
                ),
              )}
            </tr>
          ))}
          {sorted.length === 0 && (
            <tr>
              <td colSpan={columns.length}>{props.empty ?? 'Nothing here.'}</td>
            </tr>
          )}
        </tbody>
      </table>
    </section>
  )
}

function ariaSort(id: string, sort: TableProps<unknown>['sort']) {
  if (sort?.column !== id) return undefined
  return sort.descending ? 'descending' : 'ascending'
}

function nextSort(id: string, sort: TableProps<unknown>['sort']) {
  return { column: id, descending: sort?.column === id ? !sort.descending : true }
}

function sortRows<Row>({ rows, columns, sort }: TableProps<Row>): readonly Row[] {
  const by = columns.find(column => column.id === sort?.column)?.sortBy
  if (by === undefined) return rows
  const factor = sort!.descending ? -1 : 1
  return [...rows].sort((a, b) => {
    const [x, y] = [by(a), by(b)]
    return x < y ? -factor : x > y ? factor : 0
  })
}
