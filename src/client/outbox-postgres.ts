/**
 * The public door `spillway/outbox-postgres`: inbox and outbox in PostgreSQL, through a pool of the
 * package `pg` or of anything that has its shape. Two tables, made by `prepare`:
 *
 *     spillway_inbox    consumer, id, handled_at              a claim for each handled message
 *     spillway_outbox   sequence, id, contract, body,         what is to be sent; with `refused`
 *                       message, created_at, refused          set, what was refused for good
 */

import type { BatchInboxStore } from './inbox.ts'
import type { OutboxRow, OutboxStore, RelayStep } from './outbox.ts'

export type {
  BatchInboxStore,
  InboxBatchHandler,
  InboxHandler,
  InboxMessage,
  InboxStore,
} from './inbox.ts'
export type { Outbox, OutboxOptions, OutboxRow, OutboxStore, RelayStep } from './outbox.ts'

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

export interface PgOptions {
  /**
   * The schema of the tables, which exists. Default: where the connection's search path leads.
   * Applications that share a database and not a broker each need one of their own.
   */
  readonly schema?: string | undefined
}

/** A number that nobody else uses, and beside it a hash of the schema, make a lock. */
const relayLock = 730_542_101
const tablesLock = 730_542_102

/** Made by `pg`. */
export class PostgresStore implements BatchInboxStore<PgQueryable>, OutboxStore<PgQueryable> {
  readonly #pool: PgPool
  readonly #schema: string
  readonly #inbox: string
  readonly #outbox: string
  #prepared: Promise<void> | undefined

  constructor(pool: PgPool, { schema = '' }: PgOptions = {}) {
    this.#pool = pool
    this.#schema = schema
    const prefix = schema === '' ? '' : `"${schema.replaceAll('"', '""')}".`
    this.#inbox = `${prefix}spillway_inbox`
    this.#outbox = `${prefix}spillway_outbox`
  }

  /** Makes the two tables where they are missing; asks for no right to do so where they are not. */
  prepare(): Promise<void> {
    this.#prepared ??= this.#prepare()
    this.#prepared.catch(() => {
      this.#prepared = undefined
    })
    return this.#prepared
  }

  async #prepare(): Promise<void> {
    await this.#transaction(async tx => {
      if (await this.#hasTables(tx)) return
      // Two services that begin together would both find them missing.
      await tx.query('select pg_advisory_xact_lock($1, hashtext($2))', [tablesLock, this.#schema])
      await tx.query(this.#tables())
    })
  }

  async #hasTables(tx: PgQueryable): Promise<boolean> {
    const text = 'select to_regclass($1) is not null and to_regclass($2) is not null as are_there'
    const { rows } = await tx.query(text, [this.#inbox, this.#outbox])
    return (rows[0] as { are_there: boolean }).are_there
  }

  #tables(): string {
    return `
      create table if not exists ${this.#inbox} (
        consumer text not null,
        id text not null,
        handled_at timestamptz not null default now(),
        primary key (consumer, id)
      );
      create table if not exists ${this.#outbox} (
        sequence bigint generated always as identity primary key,
        id text not null,
        contract text not null,
        body text not null,
        message text not null,
        created_at timestamptz not null default now(),
        refused text
      );
      create index if not exists spillway_outbox_waiting
        on ${this.#outbox} (sequence) where refused is null;
    `
  }

  async claim(
    { consumer, id }: { readonly consumer: string; readonly id: string },
    work: (tx: PgQueryable) => Promise<void>,
  ): Promise<{ readonly isDuplicate: boolean }> {
    return this.#transaction(async tx => {
      // Waits for another transaction with the same id: if that one is committed, this is none.
      const { rowCount } = await tx.query(
        `insert into ${this.#inbox} (consumer, id) values ($1, $2) on conflict do nothing`,
        [consumer, id],
      )
      if (rowCount === 0) return { isDuplicate: true }
      await work(tx)
      return { isDuplicate: false }
    })
  }

  async claimAll(
    { consumer, ids }: { readonly consumer: string; readonly ids: readonly string[] },
    work: (tx: PgQueryable, claimed: ReadonlySet<string>) => Promise<readonly string[]>,
  ): Promise<void> {
    await this.#transaction(async tx => {
      // In one order, so that of two batches that share messages one waits for the other.
      const { rows } = await tx.query(
        `insert into ${this.#inbox} (consumer, id)
         select $1, id from (select distinct unnest($2::text[]) as id) as asked order by id
         on conflict do nothing returning id`,
        [consumer, ids],
      )
      if (rows.length === 0) return
      const claimed = new Set(rows.map(row => String((row as { id: unknown }).id)))
      const returned = await work(tx, claimed)
      if (returned.length === 0) return
      await tx.query(`delete from ${this.#inbox} where consumer = $1 and id = any($2::text[])`, [
        consumer,
        returned,
      ])
    })
  }

  /** One statement, however many rows. */
  async insert(tx: PgQueryable, rows: readonly Omit<OutboxRow, 'sequence'>[]): Promise<void> {
    if (rows.length === 0) return
    await tx.query(
      `insert into ${this.#outbox} (id, contract, body, message)
       select * from unnest($1::text[], $2::text[], $3::text[], $4::text[])`,
      [
        rows.map(({ id }) => id),
        rows.map(({ contract }) => contract),
        rows.map(({ body }) => body),
        rows.map(({ message }) => message),
      ],
    )
  }

  async relay(
    countMax: number,
    send: (rows: readonly OutboxRow[]) => Promise<RelayStep>,
  ): Promise<boolean> {
    return this.#transaction(async tx => {
      const lock = await tx.query('select pg_try_advisory_xact_lock($1, hashtext($2)) as is_ours', [
        relayLock,
        this.#schema,
      ])
      if (!(lock.rows[0] as { is_ours: boolean }).is_ours) return false
      const { rows } = await tx.query(
        `select sequence::text, id, contract, body, message from ${this.#outbox}
         where refused is null order by spillway_outbox.sequence limit $1`,
        [countMax],
      )
      if (rows.length === 0) return true
      const { sent, refused } = await send(rows as OutboxRow[])
      if (sent.length > 0) {
        const text = `delete from ${this.#outbox} where sequence = any($1::bigint[])`
        await tx.query(text, [sent])
      }
      for (const { sequence, why } of refused) {
        const text = `update ${this.#outbox} set refused = $2 where sequence = $1`
        await tx.query(text, [sequence, why])
      }
      return true
    })
  }

  /** What was refused for good, oldest first: for a person to look at. */
  async refused(): Promise<readonly (OutboxRow & { readonly why: string })[]> {
    return this.#transaction(async tx => {
      const { rows } = await tx.query(
        `select sequence::text, id, contract, body, message, refused as why from ${this.#outbox}
         where refused is not null order by spillway_outbox.sequence limit 1000`,
      )
      return rows as (OutboxRow & { readonly why: string })[]
    })
  }

  /**
   * Forgets claims that are older than so many days; how many. Keep them for longer than a message
   * can come again: its retries, and the time that you take to redrive dead letters.
   */
  async forget(options: { readonly olderThanDays: number }): Promise<number> {
    return this.#transaction(async tx => {
      const { rowCount } = await tx.query(
        `delete from ${this.#inbox} where handled_at < now() - make_interval(days => $1)`,
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
 *     const outbox = bus.outbox(pg(new Pool()))
 *     bus.consume(orders, handler, { inbox: pg(pool) })
 */
export function pg(pool: PgPool, options?: PgOptions): PostgresStore {
  return new PostgresStore(pool, options)
}
