/**
 * The order in which files are tested. A file that is not named here takes a second or two, and its
 * place does not matter; what is named and does not exist stops the run.
 */

/**
 * Files that mostly wait: for a deadline, the start of a process, the death of one. They run beside
 * the others and need no processor of their own. The longest first.
 */
export const waiting: readonly string[] = [
  'tests/studio/listings.test.ts',
  'tests/client/drivers/kafka-crash.test.ts',
  'tests/client/drivers/sqs-broker.test.ts',
  'tests/kafka/classic.test.ts',
  'tests/client/crash.test.ts',
  'tests/testing/fixtures.test.ts',
  'tests/conformance/transcripts.test.ts',
  'tests/client/drivers/redis-crash.test.ts',
  'tests/hostile/hostile.test.ts',
  'tests/crash/sqs.test.ts',
  'tests/crash/redis.test.ts',
  'tests/crash/kafka.test.ts',
  'tests/crash/crash.test.ts',
  'tests/client/drivers/sqs-move.test.ts',
  'tests/testing/broker.test.ts',
]

/**
 * The longest of those that work: they begin first, so that no processor is idle at the end. Those
 * with a browser, which uses more than one processor, lie apart.
 */
export const long: readonly string[] = [
  'tests/studio/operate.test.ts',
  'tests/sim/sim.test.ts',
  'tests/examples/orders.test.ts',
  'tests/client/drivers/rabbitmq.test.ts',
  'tests/studio/learn.test.ts',
  'tests/client/drivers/kafka.test.ts',
  'tests/client/drivers/sqs.test.ts',
  'tests/studio/accessibility.test.ts',
  'tests/client/postgres.test.ts',
  'src/cli/serve.test.ts',
  'tests/client/drivers/redis.test.ts',
  'tests/client/tools.test.ts',
  'tests/studio/attached.test.ts',
  'tests/wire/amqp.test.ts',
]
