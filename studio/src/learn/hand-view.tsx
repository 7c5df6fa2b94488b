/** Be the consumer: one message in hand, its lease running down, and five things to do. */

import type { Consumer } from '../../../src/simulator/consumer.ts'
import { Button } from '../ui/button.tsx'
import type { Player } from './player.ts'

export function HandView(props: { readonly player: Player; readonly consumer: Consumer }) {
  const { player, consumer } = props
  player.tick.value
  const held = consumer.holding[0]
  if (consumer.isDown) {
    return <p class="hand note bad">You crashed. What you held is on its way back; you restart.</p>
  }
  if (held === undefined) {
    return <p class="hand note">Your hands are empty. Press Play, and wait for an order.</p>
  }
  const { order, attempts, until } = held
  const leftMs = until - player.run.now
  const wholeMs = consumer.plan.leaseMs ?? 0
  const act = (what: 'ack' | 'nack' | 'reject' | 'crash') => () =>
    player.act({ kind: 'hand', act: what })
  return (
    <section class="hand" aria-label="The message in your hands">
      <div class="letter">
        <strong>Order {order.number}</strong>
        <code>{JSON.stringify({ customer: order.key, charge: order.amount })}</code>
        <span>
          Attempt {attempts}
          {attempts > 1 ? ': it came back to you.' : '.'}
        </span>
        {Number.isFinite(leftMs) && (
          <label class="lease">
            <span>Lease: {Math.max(0, leftMs / 1000).toFixed(1)} s left</span>
            <progress max={wholeMs} value={Math.max(0, leftMs)} />
          </label>
        )}
      </div>
      <div class="row">
        <Button primary shortcut="a" onClick={act('ack')}>
          Ack
        </Button>
        <Button shortcut="n" onClick={act('nack')}>
          Nack
        </Button>
        <Button onClick={act('reject')}>Reject</Button>
        <Button danger shortcut="c" onClick={act('crash')}>
          Crash
        </Button>
        <Button quiet onClick={() => player.play()}>
          Do nothing
        </Button>
      </div>
    </section>
  )
}
