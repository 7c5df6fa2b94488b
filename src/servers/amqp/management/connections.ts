/** Connections, their channels and consumers: seen, and closed. */

import type { Broker } from '../broker.ts'
import type { Connection } from '../connection.ts'
import { nameIn } from '../names.ts'
import { type Done, done, type JsonObject, List, notFound, type Request } from './http.ts'
import {
  type Consuming,
  channelName,
  channelView,
  connectionView,
  consumerView,
  openConnections,
} from './views.ts'

/** All of them for who watches the broker, one's own otherwise. */
function visible({ broker, tags, user, params }: Request): Connection[] {
  const all = tags.includes('administrator') || tags.includes('monitoring')
  return openConnections(broker).filter(
    connection =>
      (all || connection.user === user) &&
      (params.vhost === undefined || params.vhost === connection.vhost),
  )
}

export function listConnections(request: Request): List {
  return new List(visible(request).map(connection => connectionView(request, connection)))
}

function oneConnection(request: Request): Connection {
  const { name } = request.params
  return visible(request).find(connection => connection.name === name) ?? notFound()
}

export function getConnection(request: Request): JsonObject {
  return connectionView(request, oneConnection(request))
}

export function closeConnection(request: Request): Done {
  oneConnection(request).shutdown('requested', request.headers['x-reason'] ?? '')
  return done
}

function ofUser({ broker, params }: Request): Connection[] {
  return openConnections(broker).filter(({ user }) => user === params.user)
}

export function listUserConnections(request: Request): List {
  const { nodeName } = request.about
  return new List(
    ofUser(request).map(connection => ({
      name: connection.name,
      vhost: connection.vhost,
      user: connection.user,
      node: nodeName,
    })),
  )
}

export function closeUserConnections(request: Request): Done {
  const reason = request.headers['x-reason'] ?? ''
  for (const connection of ofUser(request)) connection.shutdown('requested', reason)
  return done
}

function channelsOf(request: Request, connections: readonly Connection[]): JsonObject[] {
  return connections.flatMap(connection =>
    [...connection.channels.values()].map(channel => channelView(request, connection, channel)),
  )
}

export function listChannels(request: Request): List {
  return new List(channelsOf(request, visible(request)))
}

export function listConnectionChannels(request: Request): List {
  return new List(channelsOf(request, [oneConnection(request)]))
}

export function getChannel(request: Request): JsonObject {
  const { name } = request.params
  for (const connection of visible(request)) {
    for (const channel of connection.channels.values()) {
      if (channelName(connection, channel) !== name) continue
      const own = consumings(request.broker).filter(consuming => consuming.channel === channel)
      return {
        ...channelView(request, connection, channel),
        consumer_details: own.map(consuming => consumerView(request, consuming)),
        deliveries: [],
        publishes: [],
      }
    }
  }
  return notFound()
}

export function consumings(broker: Broker): Consuming[] {
  return openConnections(broker).flatMap(connection =>
    [...connection.channels.values()].flatMap(channel =>
      [...channel.consumers.values()].map(consumer => ({
        connection,
        channel,
        consumer,
        queue: nameIn(connection.vhost, consumer.target.log) ?? consumer.target.log,
      })),
    ),
  )
}

export function listConsumers(request: Request): List {
  const seen = new Set(visible(request))
  const own = consumings(request.broker).filter(({ connection }) => seen.has(connection))
  return new List(own.map(consuming => consumerView(request, consuming)))
}
