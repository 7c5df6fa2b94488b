/** Where the page begins: styles, the router, the shell. */

import './styles/layers.css'
import { render } from 'preact'
import { startRouter } from './router.ts'
import { Shell } from './shell.tsx'

startRouter()
render(<Shell />, document.getElementById('app')!)
