/** A process of its own: takes a load as JSON in its first argument, prints the result as JSON. */

import { runGroupLoad } from './load/redis-group.ts'

console.log(JSON.stringify(await runGroupLoad(JSON.parse(process.argv[2] ?? '{}'))))
