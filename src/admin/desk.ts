/** What the API's handlers share. */

import { Access } from './access.ts'
import { Catalogue } from './catalogue.ts'
import { EventStreams } from './events.ts'
import type { AdminPorts } from './ports.ts'
import { Redrives } from './redrives.ts'
import { Releases } from './releases.ts'
import { Sampler } from './sampler.ts'
import { Survey } from './survey.ts'

export interface Desk {
  readonly ports: AdminPorts
  readonly releases: Releases
  readonly sampler: Sampler
  readonly catalogue: Catalogue
  readonly events: EventStreams
  readonly redrives: Redrives
  readonly access: Access
}

export function openDesk(ports: AdminPorts): Desk {
  const releases = new Releases(ports.engine)
  const survey = new Survey(ports.engine, ports.clock)
  const sampler = new Sampler(ports, survey, releases)
  const catalogue = new Catalogue(ports, { sampler, survey })
  return {
    ports,
    releases,
    sampler,
    catalogue,
    events: new EventStreams(ports, catalogue, releases),
    redrives: new Redrives(ports),
    access: new Access(ports),
  }
}

/** No timer of ours runs any more, and no stream is open. */
export function closeDesk({ sampler, events, redrives }: Desk): void {
  sampler.stop()
  events.stop()
  redrives.stop()
}
