/** Everybody who is connected, and closing them. */

import { useSignal } from '@preact/signals'
import type { Connection } from '../../../src/admin/contract.ts'
import { api } from '../api.ts'
import { Button } from '../ui/button.tsx'
import { PageHead } from '../ui/page-head.tsx'
import { type Column, Table } from '../ui/table.tsx'
import { count, duration, size } from './format.ts'
import { Said } from './said.tsx'
import { isReadOnly, Live } from './session.tsx'
import { useApi, useDoing } from './use-api.ts'

export function Connections() {
  return (
    <Live>
      <ConnectionsPage />
    </Live>
  )
}

function ConnectionsPage() {
  const list = useApi<Connection[]>('/api/connections', 2000)
  const doing = useDoing()
  const sort = useSignal({ column: 'peer', descending: false })
  const close = ({ id, peer }: Connection): void => {
    void doing.run(async () => {
      await api(`/api/connections/${id}`, { method: 'DELETE' })
      list.again()
      return `${peer.address}:${peer.port} was told goodbye.`
    })
  }
  const columns: Column<Connection>[] = [
    {
      id: 'peer',
      title: 'Peer',
      cell: ({ peer }) => `${peer.address}:${peer.port}${peer.tls ? ' (TLS)' : ''}`,
      sortBy: ({ peer }) => `${peer.address}:${peer.port}`,
    },
    { id: 'protocol', title: 'Protocol', cell: row => row.protocol, sortBy: row => row.protocol },
    { id: 'user', title: 'User', cell: row => row.user || '–', sortBy: row => row.user },
    {
      id: 'state',
      title: 'State',
      cell: row => `${row.state}${row.reading ? '' : ', made to wait'}`,
      sortBy: row => row.state,
    },
    { id: 'details', title: 'Details', cell: row => <Details of={row} /> },
    {
      id: 'age',
      title: 'Connected',
      numeric: true,
      cell: row => duration(row.ageMs),
      sortBy: row => row.ageMs,
    },
    {
      id: 'in',
      title: 'Received',
      numeric: true,
      cell: row => size(row.bytesIn),
      sortBy: row => row.bytesIn,
    },
    {
      id: 'backlog',
      title: 'Not read',
      numeric: true,
      cell: row => size(row.backlogBytes),
      sortBy: row => row.backlogBytes,
    },
    ...(isReadOnly()
      ? []
      : [
          {
            id: 'close',
            title: 'Close',
            cell: (row: Connection) => (
              <Button
                small
                danger
                label={`Close ${row.peer.address}:${row.peer.port}`}
                onClick={() => close(row)}
              >
                Close
              </Button>
            ),
          },
        ]),
  ]
  const rows = list.value.value ?? []
  return (
    <>
      <PageHead title="Connections">
        {count(rows.length)} open. Clients of SQS come by HTTP and are not among them.
      </PageHead>
      <Said doing={doing} />
      {list.failure.value !== undefined && <p class="note bad">{list.failure.value}</p>}
      <Table
        caption="Connections"
        columns={columns}
        rows={rows}
        rowId={row => String(row.id)}
        sort={sort.value}
        onSort={next => {
          sort.value = next
        }}
        empty="Nobody is connected."
      />
    </>
  )
}

function Details({ of }: { readonly of: Connection }) {
  const text = Object.entries(of.details)
    .filter(([, value]) => value !== '' && value !== 0 && value !== false)
    .map(([name, value]) => `${wordsOf(name)} ${value}`)
    .join(', ')
  return <small class="connection-details">{text || '–'}</small>
}

/** `heartbeatSeconds` as people write it. */
function wordsOf(name: string): string {
  return name.replace(/[A-Z]/g, letter => ` ${letter.toLowerCase()}`)
}
