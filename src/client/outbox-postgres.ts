/**
 * The public door `spillway/outbox-postgres`: inbox and outbox in PostgreSQL, through a pool of the
 * package `pg` or of anything that has its shape. Two tables, made by `prepare`:
 *
 *     spillway_inbox    consumer, id, handled_at              a claim for each handled message
 *     spillway_outbox   sequence, id, contract, body,         what is to be sent; with `refused`
 *                       options, created_at, refused          set, what was refused for good
 */

import type { InboxStore } from './inbox.ts'
import type { OutboxRow, OutboxStore } from './outbox.ts'
import type { SendOptions } from './sending.ts'

export { type InboxMessage, type InboxOptions, type InboxStore, once } from './inbox.ts'
export { Outbox, type OutboxOptions, type OutboxRow, type OutboxStore, outbox } from './outbox.ts'

/** What is asked of a connection, or of a transaction on one. */
export interface PgQueryable {
  query(
    text: string,
    values?: unknown[],
  ): Promise<{ readonly rows: unknown[]; readonly rowCount: number | null }>
}

/** What is asked of a pool. */
export interface PgPool {
  connect(): Promise<
    PgQueryable & {
      release(broken?: boolean): void
      on?(event: 'error', listener: (error: Error) => void): unknown
      removeListener?(event: 'error', listener: (error: Error) => void): unknown
    }
  >
}

type PgConnection = Awaited<ReturnType<PgPool['connect']>>

const tables = `
  create table if not exists spillway_inbox (
    consumer text not null,
    id text not null,
    handled_at timestamptz not null default now(),
    primary key (consumer, id)
  );
  create table if not exists spillway_outbox (
    sequence bigint generated always as identity primary key,
    id text not null,
    contract text not null,
    body text not null,
    options text not null,
    created_at timestamptz not null default now(),
    refused text
  );
  create index if not exists spillway_outbox_waiting
    on spillway_outbox (sequence) where refused is null;
`

/** Any numbers that nobody else uses: the relay's lock, and that of those who make the tables. */
const relayLock = 7_305_421_017
const tablesLock = 7_305_421_018

/** Made by `pg`. */
export class PostgresStore implements InboxStore<PgQueryable>, OutboxStore<PgQueryable> {
  readonly #pool: PgPool

  constructor(pool: PgPool) {
    this.#pool = pool
  }

  /** Makes the two tables where they are missing. */
  async prepare(): Promise<void> {
    // Two services that begin together would both find them missing.
    await this.#transaction(async tx => {
      await tx.query('select pg_advisory_xact_lock($1)', [tablesLock])
      await tx.query(tables)
    })
  }

  async claim(
    { consumer, id }: { readonly consumer: string; readonly id: string },
    work: (tx: PgQueryable) => Promise<void>,
  ): Promise<{ readonly isDuplicate: boolean }> {
    return this.#transaction(async tx => {
      // Waits for another transaction with the same id: if that one is committed, this is none.
      const { rowCount } = await tx.query(
        'insert into spillway_inbox (consumer, id) values ($1, $2) on conflict do nothing',
        [consumer, id],
      )
      if (rowCount === 0) return { isDuplicate: true }
      await work(tx)
      return { isDuplicate: false }
    })
  }

  async insert(tx: PgQueryable, rows: readonly Omit<OutboxRow, 'sequence'>[]): Promise<void> {
    for (const { id, contract, body, options } of rows) {
      await tx.query(
        'insert into spillway_outbox (id, contract, body, options) values ($1, $2, $3, $4)',
        [id, contract, body, JSON.stringify(options)],
      )
    }
  }

  async relay(countMax: number, send: Parameters<OutboxStore<PgQueryable>['relay']>[1]) {
    return this.#transaction(async tx => {
      const lock = await tx.query('select pg_try_advisory_xact_lock($1) as is_ours', [relayLock])
      if (!(lock.rows[0] as { is_ours: boolean }).is_ours) return false
      const { rows } = await tx.query(
        `select sequence::text, id, contract, body, options from spillway_outbox
         where refused is null order by sequence limit $1`,
        [countMax],
      )
      if (rows.length === 0) return true
      const { sent, refused } = await send(rows.map(rowOf))
      if (sent.length > 0) {
        const text = 'delete from spillway_outbox where sequence = any($1::bigint[])'
        await tx.query(text, [sent])
      }
      for (const { sequence, why } of refused) {
        const text = 'update spillway_outbox set refused = $2 where sequence = $1'
        await tx.query(text, [sequence, why])
      }
      return true
    })
  }

  /** What was refused for good, oldest first: for a person to look at. */
  async refused(): Promise<readonly (OutboxRow & { readonly why: string })[]> {
    return this.#transaction(async tx => {
      const { rows } = await tx.query(
        `select sequence::text, id, contract, body, options, refused from spillway_outbox
         where refused is not null order by sequence limit 1000`,
      )
      return rows.map(row => ({ ...rowOf(row), why: (row as { refused: string }).refused }))
    })
  }

  /**
   * Forgets claims that are older than so many days; how many. Keep them for longer than a message
   * can come again: its retries, and the time that you take to redrive dead letters.
   */
  async forget(options: { readonly olderThanDays: number }): Promise<number> {
    return this.#transaction(async tx => {
      const { rowCount } = await tx.query(
        'delete from spillway_inbox where handled_at < now() - make_interval(days => $1)',
        [options.olderThanDays],
      )
      return rowCount ?? 0
    })
  }

  async #transaction<T>(work: (tx: PgConnection) => Promise<T>): Promise<T> {
    const connection = await this.#pool.connect()
    let isBroken = true
    // A connection that breaks between two queries says so here, and the next query rejects. An
    // event that nobody hears would end the process.
    const hear = () => {}
    connection.on?.('error', hear)
    try {
      await connection.query('begin')
      const value = await work(connection)
      await connection.query('commit')
      isBroken = false
      return value
    } catch (error) {
      // Where the connection is gone, the server rolls back by itself.
      isBroken = await connection.query('rollback').then(
        () => false,
        () => true,
      )
      throw error
    } finally {
      connection.removeListener?.('error', hear)
      connection.release(isBroken)
    }
  }
}

/**
 * Inbox and outbox on a pool of `pg`.
 *
 *     const store = pg(new Pool())
 *     await store.prepare()
 */
export function pg(pool: PgPool): PostgresStore {
  return new PostgresStore(pool)
}

function rowOf(row: unknown): OutboxRow {
  const { sequence, id, contract, body, options } = row as Omit<OutboxRow, 'options'> & {
    readonly options: string
  }
  return { sequence, id, contract, body, options: JSON.parse(options) as SendOptions }
}
