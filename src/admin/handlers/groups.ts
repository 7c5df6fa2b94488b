/** Groups of readers: lag, resets, members put out. */

import type { Context } from 'hono'
import { fail, readJson } from '../answers.ts'
import type { Desk } from '../desk.ts'
import type { GroupsPort, ResetTarget } from '../ports.ts'
import type { Route } from '../routes.ts'

export function groupRoutes(desk: Desk): readonly Route[] {
  const { catalogue, releases } = desk
  const change = async (
    context: Context,
    apply: (desk: GroupsPort, group: string) => string | undefined,
  ): Promise<Response> => {
    const port = deskOf(desk, context)
    const group = context.req.param('group') ?? ''
    if (port === undefined) {
      return fail(context, 404, 'not-found', 'Nobody looks after the groups of that protocol.')
    }
    const refusal = apply(port, group)
    if (refusal !== undefined) return fail(context, 409, 'refused', refusal)
    catalogue.forget()
    await releases.all()
    const found = catalogue.groups().find(each => each.group === group)
    return context.json(found ?? { removed: true })
  }
  return [
    {
      method: 'get',
      path: '/api/groups',
      tag: 'groups',
      summary: 'Groups of all protocols, with their places and lag.',
      answer: 'Group[]',
      handle: async context => {
        const groups = catalogue.groups()
        await releases.all()
        return context.json(groups)
      },
    },
    {
      method: 'post',
      path: '/api/groups/:protocol/:group/reset',
      tag: 'groups',
      summary: 'Sets a place: earliest, latest, a time, a position, or past the next message.',
      body: {
        log: { type: 'string', text: 'Which place.', required: true },
        to: {
          type: 'object',
          text: '"earliest", "latest", "skip", { "time": ms } or { "at": "offset or id" }',
          required: true,
        },
      },
      answer: 'Group',
      handle: async context => {
        const { log, to } = (await readJson(context)) ?? {}
        const target = readTarget(to)
        if (typeof log !== 'string' || target === undefined) {
          return fail(context, 400, 'invalid', 'The request must be { "log": …, "to": … }.')
        }
        return change(context, (port, group) => port.reset(group, log, target))
      },
    },
    {
      method: 'post',
      path: '/api/groups/:protocol/:group/kick',
      tag: 'groups',
      summary: 'Puts a member out: what it had is for the others.',
      body: { member: { type: 'string', text: 'Its id.', required: true } },
      answer: 'Group',
      handle: async context => {
        const { member } = (await readJson(context)) ?? {}
        if (typeof member !== 'string') {
          return fail(context, 400, 'invalid', 'The request must be { "member": … }.')
        }
        return change(context, (port, group) => port.kick(group, member))
      },
    },
    {
      method: 'delete',
      path: '/api/groups/:protocol/:group',
      tag: 'groups',
      summary: 'Forgets a group that has no members, and its places.',
      answer: '{ removed }',
      handle: context => change(context, (port, group) => port.remove(group)),
    },
  ]
}

function deskOf({ ports }: Desk, context: Context): GroupsPort | undefined {
  const protocol = context.req.param('protocol')
  return ports.groups?.().find(each => each.protocol === protocol)?.desk
}

function readTarget(to: unknown): ResetTarget | undefined {
  if (to === 'earliest' || to === 'latest' || to === 'skip') return to
  if (typeof to !== 'object' || to === null) return undefined
  const { time, at } = to as { readonly time?: unknown; readonly at?: unknown }
  if (typeof time === 'number' && Number.isFinite(time)) return { time }
  return typeof at === 'string' ? { at } : undefined
}
