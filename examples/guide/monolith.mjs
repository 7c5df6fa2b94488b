// An order as a program without a queue does it: one call after the other, and the user waits.
// node monolith.mjs [milliseconds that e-mail takes]

const emailMs = Number(process.argv[2] ?? 150)

async function placeOrder(order) {
  await call('payment', 120)
  await call('inventory', 80)
  await call('email', emailMs)
  await call('warehouse', 200)
  await call('analytics', 50)
  return { ...order, placed: true }
}

async function call(service, ms) {
  if (ms > 3000) throw new Error(`${service} took too long`)
  await new Promise(resolve => setTimeout(resolve, ms))
}

const began = Date.now()
try {
  await placeOrder({ orderId: 1 })
  console.log(`placed after ${Date.now() - began} ms`)
} catch (error) {
  console.log(`failed: ${error.message}, and the card was charged`)
}
