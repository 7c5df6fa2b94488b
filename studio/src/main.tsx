/** Where the page begins: styles, the router, the shell. */

import './styles/layers.css'
import { render } from 'preact'
import { here, startRouter } from './router.ts'
import { loadPage, matchRoute } from './routes.ts'
import { Shell } from './shell.tsx'

startRouter()
// The page's code is on its way while the shell is drawn, not after it.
const first = matchRoute(here.peek().path)
if (first !== undefined) void loadPage(first.route).catch(() => undefined)
render(<Shell />, document.getElementById('app')!)
