/** Which topics there are, and which of them are queues of the client: see names.ts. */

import { listGroupsV4, listGroupsV5 } from '@platformatic/kafka'
import type { Listed, Listing } from '../../driver.ts'
import type { Cluster } from './cluster.ts'
import { delayTopics } from './names.ts'

const groupVersions = [listGroupsV5.api, listGroupsV4.api]

export async function listTopics(cluster: Cluster): Promise<Listing> {
  const names = await cluster.names()
  const groups = new Set<string>()
  const notes: string[] = []
  for (const node of cluster.nodes()) {
    try {
      const answer = await cluster.insist(cluster.main, { node }, groupVersions, [], [])
      for (const { groupId } of answer.groups) groups.add(groupId)
    } catch {
      notes.push(`Node ${node} does not tell its groups, so queues there are listed as topics.`)
    }
  }
  // Ours besides: where delayed messages wait, and where redriven ones go.
  const hidden = new Set(names.flatMap(name => (groups.has(name) ? delayTopics(name) : [])))
  for (const group of groups) hidden.add(`${group}.redriven`)
  const found = names
    .filter(name => !hidden.has(name))
    .map((name): Listed => {
      return { kind: groups.has(name) ? 'queue' : 'topic', name, keyed: true, options: {} }
    })
  return { found, notes }
}
