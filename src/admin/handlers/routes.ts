/** Routes and their bindings: the list, making, altering, binding, and taking them away again. */

import type { Context } from 'hono'
import type { Outcome } from '../../engine/errors.ts'
import type { Binding } from '../../engine/model.ts'
import { fail, nameOf, readJson, refuse } from '../answers.ts'
import type { Desk } from '../desk.ts'
import type { Fields, Route } from '../routes.ts'
import { readBinding, readRouteChanges, readRouteConfig, WrongShape } from '../shapes.ts'

const bindingFields: Fields = {
  route: { type: 'string', text: 'From where.', required: true },
  target: { type: 'object', text: '{ kind: "log" | "route", name }', required: true },
  key: { type: 'string', text: 'The binding key.' },
}

export function routeRoutes(desk: Desk): readonly Route[] {
  const { engine } = desk.ports
  const settled = async (context: Context, answer: object): Promise<Response> => {
    desk.catalogue.forget()
    await desk.releases.all()
    return context.json(answer)
  }
  /** Runs what reads a document of the caller's, and says what is wrong with it. */
  const change = async (
    context: Context,
    run: (body: unknown) => Outcome<unknown>,
    answer: (value: unknown) => object,
  ): Promise<Response> => {
    try {
      const outcome = run((await readJson(context)) ?? {})
      return outcome.ok ? settled(context, answer(outcome.value)) : refuse(context, outcome)
    } catch (error) {
      if (!(error instanceof WrongShape)) throw error
      return fail(context, 400, 'invalid', error.message)
    }
  }
  return [
    {
      method: 'get',
      path: '/api/routes',
      tag: 'routes',
      summary: 'All routes with their bindings.',
      answer: 'RouteInfo[]',
      handle: context => {
        const all = engine.routes().map(name => engine.route(name))
        return settled(context, all)
      },
    },
    {
      method: 'put',
      path: '/api/routes/:name',
      tag: 'routes',
      summary: 'Makes a route.',
      body: {
        kind: {
          type: 'string',
          text: 'How it chooses. Default: direct.',
          values: ['direct', 'fan-out', 'pattern', 'attributes', 'hash', 'random'],
        },
      },
      answer: 'RouteInfo',
      handle: context =>
        change(
          context,
          body => engine.createRoute(nameOf(context), readRouteConfig(body)),
          value => value as object,
        ),
    },
    {
      method: 'post',
      path: '/api/routes/:name/alter',
      tag: 'routes',
      summary: 'Changes what is given; the kind cannot change.',
      body: {
        alternate: { type: 'string', text: 'Where what nobody is bound for goes; null: nowhere.' },
        autoDrop: { type: 'boolean', text: 'It goes with its last binding.' },
      },
      answer: 'RouteInfo',
      handle: context =>
        change(
          context,
          body => engine.alterRoute(nameOf(context), readRouteChanges(body)),
          value => value as object,
        ),
    },
    {
      method: 'delete',
      path: '/api/routes/:name',
      tag: 'routes',
      summary: 'Deletes a route with its bindings; not those that RabbitMQ makes itself.',
      query: { unless: { type: 'string', text: '`used`: then one with bindings stays.' } },
      answer: '{ deleted }',
      handle: context => {
        const name = nameOf(context)
        // Clients take the broker's own exchanges for granted (AMQP 0-9-1, section 3.1.3).
        if (/(^|[^\w.])amq\./.test(name)) {
          return fail(context, 409, 'in-use', `${name} belongs to the broker itself.`)
        }
        const used = context.req.query('unless') === 'used'
        const outcome = engine.dropRoute(name, { used })
        return outcome.ok ? settled(context, { deleted: true }) : refuse(context, outcome)
      },
    },
    {
      method: 'post',
      path: '/api/bindings',
      tag: 'routes',
      summary: 'Binds a log or a route to a route.',
      body: bindingFields,
      answer: '{ bound }',
      handle: context =>
        change(
          context,
          body => engine.bind(readBinding(body)),
          () => ({ bound: true }),
        ),
    },
    {
      method: 'post',
      path: '/api/bindings/remove',
      tag: 'routes',
      summary: 'Takes bindings away: those of this route, target and key.',
      body: bindingFields,
      answer: '{ removed }',
      handle: async context => {
        let wanted: Binding
        try {
          wanted = readBinding(await readJson(context))
        } catch (error) {
          if (!(error instanceof WrongShape)) throw error
          return fail(context, 400, 'invalid', error.message)
        }
        const found = engine
          .bindingsOf(wanted.target)
          .filter(({ route, key }) => route === wanted.route && key === wanted.key)
        if (found.length === 0) {
          return fail(context, 404, 'not-found', 'There is no such binding.')
        }
        for (const binding of found) {
          const outcome = engine.unbind(binding)
          if (!outcome.ok) return refuse(context, outcome)
        }
        return settled(context, { removed: found.length })
      },
    },
  ]
}
