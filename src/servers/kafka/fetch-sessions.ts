/**
 * Fetch sessions (KIP-227): a consumer names its partitions once, and then only what changes; it is
 * answered with what has changed. A session is known by its id and by the number of requests that
 * it has seen. The ones that were not used for longest are forgotten: their clients begin anew.
 */

import { codes } from '../../wire/kafka/error-codes.ts'
import { limits } from './limits.ts'

/** What a consumer wants of one partition. By name, or, since Fetch 13, by id. */
export interface Wanted {
  readonly topic: string
  readonly topicId: string
  readonly partition: number
  readonly currentLeaderEpoch: number
  readonly fetchOffset: number
  readonly partitionMaxBytes: number
}

/** What a consumer has been told last about one partition. */
export interface Told {
  readonly highWatermark: number
  readonly logStartOffset: number
  readonly errorCode: number
}

export interface Place {
  wanted: Wanted
  told: Told | undefined
}

export interface Session {
  readonly id: number
  epoch: number
  /** In the order in which they are read: who had something goes to the end. */
  readonly places: Map<string, Place>
}

/** What a request is about. */
export type Opened =
  | { readonly kind: 'refused'; readonly errorCode: number }
  /** Every partition is named, and answered. */
  | { readonly kind: 'whole'; readonly places: readonly Place[]; readonly session?: Session }
  /** Only what has changed is answered. */
  | { readonly kind: 'part'; readonly places: readonly Place[]; readonly session: Session }

interface Request {
  readonly sessionId: number
  readonly sessionEpoch: number
  readonly wanted: readonly Wanted[]
  readonly forgotten: readonly Pick<Wanted, 'topic' | 'topicId' | 'partition'>[]
}

const firstEpoch = 0
const noEpoch = -1
const epochMax = 0x7fff_ffff

export class FetchSessions {
  readonly #sessions = new Map<number, Session>()
  readonly #newId: () => number

  /** Ids are random, so that nobody comes upon a session of somebody else. */
  constructor(newId: () => number) {
    this.#newId = newId
  }

  open(request: Request): Opened {
    const { sessionId, sessionEpoch, wanted } = request
    if (sessionEpoch === noEpoch || sessionEpoch === firstEpoch) {
      this.#sessions.delete(sessionId)
      const places = wanted.map(each => ({ wanted: each, told: undefined }))
      if (sessionEpoch === noEpoch || places.length === 0) return { kind: 'whole', places }
      const session = this.#begin(places)
      return { kind: 'whole', places: [...session.places.values()], session }
    }
    const session = this.#sessions.get(sessionId)
    if (session === undefined) {
      return { kind: 'refused', errorCode: codes.FETCH_SESSION_ID_NOT_FOUND }
    }
    if (session.epoch !== sessionEpoch) {
      return { kind: 'refused', errorCode: codes.INVALID_FETCH_SESSION_EPOCH }
    }
    this.#sessions.delete(sessionId)
    this.#sessions.set(sessionId, session)
    session.epoch = sessionEpoch === epochMax ? 1 : sessionEpoch + 1
    for (const each of request.forgotten) session.places.delete(keyOf(each))
    for (const each of wanted) {
      const known = session.places.get(keyOf(each))
      if (known === undefined) session.places.set(keyOf(each), { wanted: each, told: undefined })
      else known.wanted = each
    }
    return { kind: 'part', places: [...session.places.values()], session }
  }

  #begin(places: readonly Place[]): Session {
    let id = 0
    while (id === 0 || this.#sessions.has(id)) id = this.#newId() & 0x7fff_ffff
    const session: Session = {
      id,
      epoch: 1,
      places: new Map(places.map(place => [keyOf(place.wanted), place])),
    }
    this.#sessions.set(id, session)
    if (this.#sessions.size > limits.fetchSessionsMax) {
      const [oldest] = this.#sessions.keys()
      this.#sessions.delete(oldest!)
    }
    return session
  }
}

/** This partition had something: next time the others come first. */
export function moveToEnd(session: Session, place: Place): void {
  const key = keyOf(place.wanted)
  if (session.places.delete(key)) session.places.set(key, place)
}

const noTopicId = /^0*$/

function keyOf({ topic, topicId, partition }: Pick<Wanted, 'topic' | 'topicId' | 'partition'>) {
  return `${noTopicId.test(topicId) ? topic : topicId}/${partition}`
}
