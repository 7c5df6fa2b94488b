// Little's law: what is in the system is the rate times the time it stays.
// node wait.mjs

const perSecond = 4
const workMs = 800
const consumers = 3
const backlog = 1000

const handled = (consumers * 1000) / workMs
console.log(`${consumers} consumers handle ${handled} a second, ${perSecond} come`)

const spare = handled - perSecond
if (spare < 0) console.log(`the line grows by ${-spare} a second, without end`)
else if (spare === 0) console.log('the line stays as long as it is')
else console.log(`a backlog of ${backlog} is gone after ${Math.ceil(backlog / spare)} s`)

console.log(`the last one of it waits ${Math.ceil(backlog / handled)} s`)
console.log(`it takes ${Math.floor((perSecond * workMs) / 1000) + 1} consumers not to fall behind`)
