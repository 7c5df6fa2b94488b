/**
 * Paints the dots. A message on its way is a dot that moves for a moment from box to box; one that
 * waits lies in its queue's pool. Above two thousand, a pool is a water level and a way is a band.
 */

import type { Happening } from '../../../src/simulator/history.ts'
import { prefersStill } from '../theme.ts'
import type { Player } from './player.ts'

interface Rect {
  readonly x: number
  readonly y: number
  readonly w: number
  readonly h: number
}

/** How long a dot is on its way, in real milliseconds at speed 1; less at higher speeds. */
const wayMs = 520
const dotsMax = 2000
const moves = new Set(['sent', 'delivered', 'returned', 'dead', 'moved', 'redriven', 'lease-ended'])

export class FlowPainter {
  readonly #frame: HTMLElement
  readonly #canvas: HTMLCanvasElement
  readonly #player: Player
  readonly #boxes = new Map<string, Rect>()
  readonly #pools = new Map<string, Rect>()
  #colours: { [name: string]: string } = {}
  #width = 0
  #height = 0
  #boxCount = 0

  constructor(frame: HTMLElement, canvas: HTMLCanvasElement, player: Player) {
    this.#frame = frame
    this.#canvas = canvas
    this.#player = player
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.measure())
  }

  /** Looks where the boxes are; they move only when the frame or its contents change. */
  measure(): void {
    const origin = this.#frame.getBoundingClientRect()
    this.#width = this.#frame.scrollWidth
    this.#height = this.#frame.clientHeight
    const ratio = devicePixelRatio
    this.#canvas.width = Math.round(this.#width * ratio)
    this.#canvas.height = Math.round(this.#height * ratio)
    this.#canvas.style.width = `${this.#width}px`
    this.#canvas.style.height = `${this.#height}px`
    this.#boxes.clear()
    this.#pools.clear()
    const nodes = this.#frame.querySelectorAll<HTMLElement>('[data-node], [data-pool]')
    for (const node of nodes) {
      const { left, top, width, height } = node.getBoundingClientRect()
      const rect = { x: left - origin.left, y: top - origin.top, w: width, h: height }
      if (node.dataset['node'] !== undefined) this.#boxes.set(node.dataset['node'], rect)
      else this.#pools.set(node.dataset['pool']!, rect)
    }
    this.#boxCount = this.#boxes.size
    const style = getComputedStyle(this.#canvas)
    // A custom property is not resolved by itself: a colour that uses it is.
    this.#colours = {}
    for (const name of ['water', 'good', 'warn', 'bad', 'later', 'line']) {
      this.#canvas.style.color = `var(--${name})`
      this.#colours[name] = style.color
    }
    this.paint()
  }

  paint(): void {
    const context = this.#canvas.getContext('2d')
    if (context === null || this.#width === 0) return
    if (this.#frame.querySelectorAll('[data-node]').length !== this.#boxCount) return this.measure()
    const ratio = devicePixelRatio
    context.setTransform(ratio, 0, 0, ratio, 0, 0)
    context.clearRect(0, 0, this.#width, this.#height)
    this.#paintWays(context)
    this.#paintPools(context)
    if (!prefersStill.value) this.#paintDots(context)
  }

  #paintWays(context: CanvasRenderingContext2D): void {
    const { plan } = this.#player.run
    context.strokeStyle = this.#colours['line']!
    context.lineWidth = 1.5
    const ways: [string, string][] = [
      ...plan.producers.flatMap(({ name, route, to }): [string, string][] =>
        route !== undefined && route !== ''
          ? [[name, route]]
          : (typeof to === 'string' ? [to] : to).map(queue => [name, queue]),
      ),
      ...(plan.routes ?? []).flatMap(route =>
        route.bindings.map(({ queue }): [string, string] => [route.name, queue]),
      ),
      ...plan.consumers.map(({ name, queue }): [string, string] => [queue, name]),
      ...(plan.readers ?? []).map(({ name, log }): [string, string] => [log, name]),
      ...plan.queues.flatMap(({ name, config }): [string, string][] =>
        config.deadLetter?.key === undefined ? [] : [[name, config.deadLetter.key]],
      ),
      ...plan.consumers.flatMap(({ name, downstream, forwardTo }): [string, string][] => [
        ...(downstream === undefined ? [] : [[name, downstream] as [string, string]]),
        ...(forwardTo === undefined ? [] : [[name, forwardTo] as [string, string]]),
      ]),
      ...(plan.chain?.steps ?? []).map(({ name }): [string, string] => [plan.chain!.name, name]),
    ]
    for (const [from, to] of ways) {
      const way = this.#way(from, to)
      if (way === undefined) continue
      context.beginPath()
      context.moveTo(way.x0, way.y0)
      context.bezierCurveTo(way.cx0, way.cy0, way.cx1, way.cy1, way.x1, way.y1)
      context.stroke()
    }
  }

  #paintPools(context: CanvasRenderingContext2D): void {
    for (const { plan, ready, delayed } of this.#player.run.queues()) {
      const pool = this.#pools.get(plan.name)
      const count = ready + delayed
      if (pool === undefined || count === 0) continue
      const colour = this.#colours[plan.isDead === true ? 'bad' : 'water']!
      context.fillStyle = colour
      if (count > dotsMax) {
        const level = Math.min(1, Math.log10(count / 200) / 2.5)
        context.globalAlpha = 0.8
        context.fillRect(pool.x, pool.y + pool.h * (1 - level), pool.w, pool.h * level)
        context.globalAlpha = 1
        continue
      }
      // As large as fits: the pool fills from its right end, where the consumers are.
      const gap = Math.min(9, Math.max(2, Math.floor(Math.sqrt((pool.w * pool.h) / count))))
      const radius = Math.max(0.8, gap * 0.36)
      const rows = Math.max(1, Math.floor(pool.h / gap))
      context.beginPath()
      for (let index = 0; index < count; index++) {
        if (index === ready) {
          context.fill()
          context.beginPath()
          context.fillStyle = this.#colours['later']!
        }
        const x = pool.x + pool.w - gap * (Math.floor(index / rows) + 0.5)
        const y = pool.y + pool.h - gap * ((index % rows) + 0.5)
        if (x < pool.x) break
        context.moveTo(x + radius, y)
        context.arc(x, y, radius, 0, 2 * Math.PI)
      }
      context.fill()
    }
  }

  #paintDots(context: CanvasRenderingContext2D): void {
    const { run, speed } = this.#player
    const length = wayMs * Math.min(8, speed.value)
    const happenings = run.history.since(run.now - length)
    const moving = happenings.filter(({ kind, to }) => moves.has(kind) && to !== undefined)
    if (moving.length > dotsMax) this.#paintBands(context, moving)
    else for (const one of moving) this.#paintMove(context, one, (run.now - one.at) / length)
    for (const happening of happenings) {
      const { kind, from, at } = happening
      const isEnd = kind === 'effect' || kind === 'repeat' || kind === 'lost' || kind === 'refused'
      if (isEnd && from !== undefined) this.#paintEnd(context, happening, (run.now - at) / length)
    }
  }

  #paintMove(context: CanvasRenderingContext2D, { kind, from, to }: Happening, done: number): void {
    const way = this.#way(from!, to!)
    if (way === undefined) return
    const t = done < 0.5 ? 2 * done * done : 1 - (2 - 2 * done) ** 2 / 2
    const u = 1 - t
    const x = u ** 3 * way.x0 + 3 * u * u * t * way.cx0 + 3 * u * t * t * way.cx1 + t ** 3 * way.x1
    const y = u ** 3 * way.y0 + 3 * u * u * t * way.cy0 + 3 * u * t * t * way.cy1 + t ** 3 * way.y1
    context.fillStyle = this.#colours[colourOf[kind] ?? 'water']!
    context.beginPath()
    context.arc(x, y, 4, 0, 2 * Math.PI)
    context.fill()
  }

  /** Too many to tell apart: each way is a band, as wide as what is on it. */
  #paintBands(context: CanvasRenderingContext2D, moving: readonly Happening[]): void {
    const counts = new Map<string, { one: Happening; count: number }>()
    for (const one of moving) {
      const key = `${one.from} ${one.to}`
      const known = counts.get(key)
      if (known === undefined) counts.set(key, { one, count: 1 })
      else known.count++
    }
    context.globalAlpha = 0.55
    for (const { one, count } of counts.values()) {
      const way = this.#way(one.from!, one.to!)
      if (way === undefined) continue
      context.strokeStyle = this.#colours[colourOf[one.kind] ?? 'water']!
      context.lineWidth = Math.min(18, 2 + 3 * Math.log10(count) ** 1.6)
      context.beginPath()
      context.moveTo(way.x0, way.y0)
      context.bezierCurveTo(way.cx0, way.cy0, way.cx1, way.cy1, way.x1, way.y1)
      context.stroke()
    }
    context.globalAlpha = 1
  }

  /** A ring that opens where something took effect; a cross that falls where it was lost. */
  #paintEnd(context: CanvasRenderingContext2D, { kind, from }: Happening, done: number): void {
    const box = this.#boxes.get(from!)
    if (box === undefined) return
    const x = box.x + box.w - 12
    context.globalAlpha = 1 - done
    context.strokeStyle = this.#colours[kind === 'effect' ? 'good' : 'bad']!
    context.lineWidth = 2
    context.beginPath()
    if (kind === 'effect' || kind === 'repeat') {
      // At the corner: further in it would cross a name or a button of a small box.
      context.arc(box.x + box.w - 2, box.y + 2, 3 + done * 7, 0, 2 * Math.PI)
    } else {
      const y = box.y + box.h + done * 22
      context.moveTo(x - 4, y - 4)
      context.lineTo(x + 4, y + 4)
      context.moveTo(x + 4, y - 4)
      context.lineTo(x - 4, y + 4)
    }
    context.stroke()
    context.globalAlpha = 1
  }

  /** From the side of one box that faces the other one, to that one's. */
  #way(from: string, to: string) {
    const [a, b] = [this.#boxes.get(from), this.#boxes.get(to)]
    if (a === undefined || b === undefined || from === to) return undefined
    const isBelow = Math.abs(a.x - b.x) < a.w / 2
    if (isBelow) {
      const down = b.y > a.y
      const [x0, y0] = [a.x + a.w / 2, down ? a.y + a.h : a.y]
      const [x1, y1] = [b.x + b.w / 2, down ? b.y : b.y + b.h]
      const middle = (y0 + y1) / 2
      return { x0, y0, x1, y1, cx0: x0, cy0: middle, cx1: x1, cy1: middle }
    }
    const right = b.x > a.x
    const [x0, y0] = [right ? a.x + a.w : a.x, a.y + a.h / 2]
    const [x1, y1] = [right ? b.x : b.x + b.w, b.y + b.h / 2]
    const bend = (x1 - x0) * 0.5
    return { x0, y0, x1, y1, cx0: x0 + bend, cy0: y0, cx1: x1 - bend, cy1: y1 }
  }
}

const colourOf: { readonly [kind: string]: string } = {
  sent: 'water',
  delivered: 'water',
  returned: 'later',
  'lease-ended': 'warn',
  dead: 'bad',
  moved: 'later',
  redriven: 'good',
}
