/** Where the page begins: styles, the router, the shell. */

import './styles/layers.css'
import { render } from 'preact'
import { here, startRouter } from './router.ts'
import { loadPage, matchRoute } from './routes.ts'
import { Shell } from './shell.tsx'

startRouter()
/** How long the frame waits for its page: together they are laid out and painted once. */
const patienceMs = 100

const first = matchRoute(here.peek().path)
if (first !== undefined) {
  // What goes wrong is said in the page's place.
  const loading = loadPage(first.route).catch(() => undefined)
  await Promise.race([loading, new Promise(resolve => setTimeout(resolve, patienceMs))])
}
render(<Shell />, document.getElementById('app')!)
