/** `npm run docs`: writes the pages that are printed from tables in the code. */

import { writePages } from './pages.ts'
import { repositoryRoot } from './tree.ts'

for (const path of writePages(repositoryRoot())) console.log(path)
