/** Definitions of topics, for whoever carries them to another broker. */

import type { Broker } from './broker.ts'
import { KafkaError } from './errors.ts'
import type { Configs } from './mapping.ts'

export interface TopicDesk {
  /** Those that were made as topics; what another protocol made is that one's to define. */
  list(): { readonly name: string; readonly partitions: number; readonly configs: Configs }[]
  /** Answers what stands in the way, or undefined: done. */
  create(name: string, partitions: number, configs: Configs): string | undefined
  /** With all its partitions, and every group's place in them. */
  remove(name: string): string | undefined
}

export function topicDesk(broker: Broker): TopicDesk {
  return {
    list: () =>
      broker.topics
        .list()
        .filter(({ isAdopted }) => isAdopted !== true)
        .map(({ name, partitions, configs }) => ({ name, partitions, configs })),
    create: (name, partitions, configs) => {
      try {
        broker.topics.create(name, partitions, configs)
        return undefined
      } catch (error) {
        if (error instanceof KafkaError) return error.message
        throw error
      }
    },
    remove: name => {
      const topic = broker.topics.known(name)
      if (topic === undefined) return `There is no topic ${name}.`
      broker.removeTopic(topic)
      return undefined
    },
  }
}
