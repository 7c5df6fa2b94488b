/**
 * Where Spillway answers otherwise than the RabbitMQ that was recorded. What is not here must be
 * the same to the letter. `version`: a later RabbitMQ, whose profile is our default, answers as we
 * do. `wording`: the recorded text prints Erlang terms, and nobody can match on it; the code is the
 * same.
 */

export interface Difference {
  readonly scenario: string
  readonly kind: 'version' | 'wording'
  readonly reason: string
  /** What the recorded answers become, line by line. */
  readonly ours: (answer: string) => string
}

function text(scenario: string, theirs: string, ours: string): Difference {
  return {
    scenario,
    kind: 'wording',
    reason: 'the recorded text prints Erlang terms',
    ours: answer => answer.replace(theirs, ours),
  }
}

export const differences: readonly Difference[] = [
  text(
    'connection: bad frame end',
    'type 8, all octets = <<>>: {invalid_frame_end_marker,0}',
    'frame ends with 0, not 206',
  ),
  text('connection: heartbeat on a channel', 'type 8, all octets = <<>>', 'heartbeat on channel 1'),
  text(
    'connection: unknown frame type',
    'type 9, all octets = <<>>: unknown_frame',
    'frame type 9 is unknown',
  ),
  text(
    'connection: frame too large',
    'type 1, all octets = <<>>: {frame_too_large,16777215,131064}',
    'frame of 16777223 octets is larger than 131080',
  ),
  {
    scenario: 'exchange: unknown type',
    kind: 'version',
    reason: 'since RabbitMQ 4 it closes the channel only; what follows here is then out of place',
    ours: answer =>
      answer === 'closed'
        ? '0 connection.close {"classId":10,"methodId":51,"replyCode":504,"replyText":"CHANNEL_ERROR - unexpected method in connection state running"}'
        : answer
            .replace('0 connection.close', '1 channel.close')
            .replace('"replyCode":503', '"replyCode":406')
            .replace('COMMAND_INVALID', 'PRECONDITION_FAILED'),
  },
  {
    scenario: 'basic: dead letter',
    kind: 'version',
    reason: 'x-last-death-* exist since RabbitMQ 3.13',
    ours: answer =>
      answer.replace(
        '"x-first-death-reason":"rejected"}',
        '"x-first-death-reason":"rejected","x-last-death-exchange":"","x-last-death-queue":"t-work","x-last-death-reason":"rejected"}',
      ),
  },
]
