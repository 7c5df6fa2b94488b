/** The queues of this driver: where each of them is, made when it is missing. */

import {
  CreateQueueCommand,
  DeleteQueueCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ListQueueTagsCommand,
  type QueueAttributeName,
} from '@aws-sdk/client-sqs'
import type { Endpoint } from '../../driver.ts'
import { ClientError, PlanError } from '../../errors.ts'
import { backend, errorOf, kindOf } from './errors.ts'
import { isFifo, queueName } from './names.ts'
import type { Requests } from './requests.ts'

/** A queue as it is on SQS. */
export interface Place {
  readonly name: string
  readonly url: string
  readonly isFifo: boolean
}

/** Whose name it is: two contracts' names may come out as one. */
const nameTag = 'spillway-name'
/** SQS would forget after four days; this is the most that it offers. */
const retentionSeconds = 14 * 24 * 3600
const repliesRetentionSeconds = 300
/** A queue that was just made may not be known everywhere at once. */
const settleMs = [100, 300, 900, 2000]
const placesMax = 10_000

/**
 * Without these AWS takes 300 requests a second for all keys of a queue. Duplicates are then known
 * within a key alone, so a contract with a window goes without.
 */
const highThroughput = {
  DeduplicationScope: 'messageGroup',
  FifoThroughputLimit: 'perMessageGroupId',
}

const optionNames = ['name', 'create', 'attributes']

export class Queues {
  readonly #requests: Requests
  readonly #createPauseMs: number
  readonly #places = new Map<string, Promise<Place>>()
  /** SQS's name to the contract's. */
  readonly #owners = new Map<string, string>()

  /** `createPauseMs`: how long a queue that was made is not used. */
  constructor(requests: Requests, createPauseMs: number) {
    this.#requests = requests
    this.#createPauseMs = createPauseMs
  }

  /** Where it is; rejects with `SPILLWAY_E_NOT_FOUND`. */
  find(endpoint: Endpoint): Promise<Place> {
    const name = queueName(endpoint)
    const known = this.#places.get(name)
    if (known !== undefined) return known
    return this.#keep(name, this.#locate(name))
  }

  /** Where it is, made if it has to be. */
  prepare(endpoint: Endpoint): Promise<Place> {
    return this.#keep(queueName(endpoint), this.#ensure(queueName(endpoint), endpoint))
  }

  forget(name: string): void {
    this.#places.delete(name)
    this.#owners.delete(name)
  }

  async attributes(
    place: Place,
    names: readonly QueueAttributeName[],
  ): Promise<Partial<Record<string, string>>> {
    const input = { QueueUrl: place.url, AttributeNames: [...names] }
    const { Attributes = {} } = await this.#requests.call(
      client => client.send(new GetQueueAttributesCommand(input)),
      { about: `${place.name}: GetQueueAttributes`, isRepeatable: true },
    )
    return Attributes
  }

  /** What is not there need not go. */
  async drop(endpoint: Endpoint): Promise<void> {
    try {
      const place = await this.find(endpoint)
      this.forget(place.name)
      await this.#requests.call(
        client => client.send(new DeleteQueueCommand({ QueueUrl: place.url })),
        { about: `${place.name}: DeleteQueue`, isRepeatable: true },
      )
    } catch (error) {
      if (!isMissing(error)) throw error
    }
  }

  #keep(name: string, finding: Promise<Place>): Promise<Place> {
    if (this.#places.size >= placesMax) this.#places.clear()
    this.#places.set(name, finding)
    finding.catch(() => {
      if (this.#places.get(name) === finding) this.#places.delete(name)
    })
    return finding
  }

  async #locate(name: string): Promise<Place> {
    const { QueueUrl } = await this.#requests.call(
      client => client.send(new GetQueueUrlCommand({ QueueName: name })),
      { about: `${name}: GetQueueUrl`, isRepeatable: true },
    )
    return { name, url: QueueUrl!, isFifo: name.endsWith('.fifo') }
  }

  async #ensure(name: string, endpoint: Endpoint): Promise<Place> {
    const owner = this.#owners.get(name)
    if (owner !== undefined && owner !== endpoint.name) throw sharedName(name, owner, endpoint.name)
    checkOptions(endpoint)
    if (isFifo(endpoint) !== name.endsWith('.fifo')) throw wrongSuffix(name, endpoint)
    const place = await this.#locateOrCreate(name, endpoint)
    this.#owners.set(name, endpoint.name)
    return place
  }

  async #locateOrCreate(name: string, endpoint: Endpoint): Promise<Place> {
    try {
      const place = await this.#locate(name)
      await this.#checkOwner(place, endpoint)
      return place
    } catch (error) {
      if (!isMissing(error) || endpoint.options.sqs?.['create'] === false) throw error
    }
    return this.#create(name, endpoint)
  }

  async #create(name: string, endpoint: Endpoint): Promise<Place> {
    const input = {
      QueueName: name,
      Attributes: attributesOf(endpoint),
      tags: { [nameTag]: endpoint.name },
    }
    try {
      await this.#requests.call(client => client.send(new CreateQueueCommand(input)), {
        about: `${name}: CreateQueue`,
        isRepeatable: true,
      })
    } catch (error) {
      // Somebody made it meanwhile, as they wanted it.
      if (!(error instanceof ClientError) || kindOf(error.cause) !== 'exists') throw error
    }
    if (this.#createPauseMs > 0) await this.#requests.pause(this.#createPauseMs)
    return this.#settled(name)
  }

  async #settled(name: string): Promise<Place> {
    for (const ms of settleMs) {
      try {
        return await this.#locate(name)
      } catch (error) {
        if (!isMissing(error)) throw error
        await this.#requests.pause(ms)
      }
    }
    return this.#locate(name)
  }

  /** A queue that somebody else has made need not have tags, and we need not be allowed to look. */
  async #checkOwner(place: Place, endpoint: Endpoint): Promise<void> {
    if (endpoint.role === 'replies' || endpoint.options.sqs?.['name'] !== undefined) return
    if (!/[.-]/.test(endpoint.name)) return
    let tags: Partial<Record<string, string>> = {}
    try {
      const input = { QueueUrl: place.url }
      tags =
        (await this.#requests.once(client => client.send(new ListQueueTagsCommand(input)))).Tags ??
        {}
    } catch (error) {
      const kind = kindOf(error)
      if (kind === 'connection' || kind === 'missing') {
        throw errorOf(error, `${place.name}: ListQueueTags`)
      }
      return
    }
    const owner = tags[nameTag]
    if (owner !== undefined && owner !== endpoint.name) {
      throw sharedName(place.name, owner, endpoint.name)
    }
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof ClientError && error.code === 'SPILLWAY_E_NOT_FOUND'
}

function attributesOf(endpoint: Endpoint): Record<string, string> {
  const { role, options } = endpoint
  const seconds = role === 'replies' ? repliesRetentionSeconds : retentionSeconds
  return {
    MessageRetentionPeriod: String(seconds),
    ...(isFifo(endpoint) ? { FifoQueue: 'true' } : {}),
    ...(isFifo(endpoint) && endpoint.dedupeMs === undefined ? highThroughput : {}),
    ...(role === 'main' ? (options.sqs?.['attributes'] as Record<string, string>) : {}),
  }
}

/** An option that does nothing would be believed to do something. */
function checkOptions({ name, options }: Endpoint): void {
  for (const [option, value] of Object.entries(options.sqs ?? {})) {
    const isRight =
      option === 'name'
        ? typeof value === 'string'
        : option === 'create'
          ? typeof value === 'boolean'
          : option === 'attributes' && typeof value === 'object' && value !== null
    if (isRight) continue
    throw new ClientError({
      code: 'SPILLWAY_E_OPTION',
      backend,
      why: `${name}: options.sqs.${option} is not known, or has the wrong type.`,
      alternatives: optionNames.map(known => `options.sqs.${known}`),
    })
  }
}

function sharedName(name: string, owner: string, other: string): PlanError {
  return new PlanError({
    code: 'SPILLWAY_P_CONFLICT',
    backend,
    why: `${other} and ${owner} would both be the queue ${name} on SQS.`,
    alternatives: ['another name', `options: { sqs: { name: '…' } }`],
  })
}

function wrongSuffix(name: string, endpoint: Endpoint): PlanError {
  const needs = isFifo(endpoint) ? 'needs a FIFO queue, whose name ends in .fifo' : 'is not FIFO'
  return new PlanError({
    code: 'SPILLWAY_P_CONFLICT',
    backend,
    why: `${endpoint.name} ${needs}; options.sqs.name says ${name}.`,
    alternatives: ['another name'],
  })
}
