/**
 * How the versions of RabbitMQ differ, as far as we serve the difference. Nothing else in this
 * folder asks for a version.
 */

export type ProfileName = '3.13' | '4.2' | '4.3'

export interface Profile {
  readonly name: ProfileName
  /** What server-properties say; clients compare it. */
  readonly version: string
  /** The smallest frame_max that is accepted in tune-ok. */
  readonly frameMaxMin: number
  /** `x-delivery-limit` of a quorum queue that names none; undefined: no limit. */
  readonly deliveryLimit: number | undefined
  readonly messageBytesMax: number
  /** Queues that are neither durable nor exclusive. */
  readonly transientQueues: boolean
  /** basic.qos with global=true; where it is not permitted it means global=false. */
  readonly globalQos: boolean
  /** Priorities of quorum queues: their number of levels. */
  readonly quorumLevels: number
  /** They are two, normal and high, which take turns; otherwise they are strict. */
  readonly quorumTurns: { readonly priority: number; readonly upper: number } | undefined
  /** Quorum queues let returned messages wait: `x-delayed-retry-*`. */
  readonly delayedRetry: boolean
  /** The mechanism ANONYMOUS, which lets in guest. */
  readonly anonymous: boolean
  /** Classic queues take `x-queue-mode`, without effect. */
  readonly queueModes: boolean
  /** The exchange type `x-local-random`. */
  readonly localRandom: boolean
  /** Only consumers of quorum queues time out, each by itself: `x-consumer-timeout`. */
  readonly consumerTimeouts: boolean
  /** An unknown exchange type is a channel error 406; before, it was a connection error 503. */
  readonly unknownTypeIsPrecondition: boolean
  /** A mandatory message to a reply consumer that is there counts as routed. */
  readonly replyIsRoute: boolean
}

const newest: Profile = {
  name: '4.3',
  version: '4.3.0',
  frameMaxMin: 8192,
  deliveryLimit: 20,
  messageBytesMax: 16 * 1024 * 1024,
  transientQueues: false,
  globalQos: false,
  quorumLevels: 32,
  quorumTurns: undefined,
  delayedRetry: true,
  anonymous: true,
  queueModes: false,
  localRandom: true,
  consumerTimeouts: true,
  unknownTypeIsPrecondition: true,
  replyIsRoute: true,
}

export const profiles: { readonly [Name in ProfileName]: Profile } = {
  '4.3': newest,
  '4.2': {
    ...newest,
    name: '4.2',
    version: '4.2.0',
    transientQueues: true,
    globalQos: true,
    quorumLevels: 2,
    quorumTurns: { priority: 5, upper: 2 },
    delayedRetry: false,
    queueModes: true,
    consumerTimeouts: false,
  },
  '3.13': {
    ...newest,
    name: '3.13',
    version: '3.13.7',
    frameMaxMin: 4096,
    deliveryLimit: undefined,
    messageBytesMax: 128 * 1024 * 1024,
    transientQueues: true,
    globalQos: true,
    quorumLevels: 1,
    delayedRetry: false,
    anonymous: false,
    queueModes: true,
    localRandom: false,
    consumerTimeouts: false,
    unknownTypeIsPrecondition: false,
    replyIsRoute: false,
  },
}
