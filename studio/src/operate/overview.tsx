import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { Overview as OverviewData } from '../../../src/admin/contract.ts'
import { type ApiError, api } from '../api.ts'
import { Empty } from '../ui/empty.tsx'
import { PageHead } from '../ui/page-head.tsx'

/** What the broker says about itself. */
export function Overview() {
  const overview = useSignal<OverviewData | undefined>(undefined)
  const failure = useSignal<string | undefined>(undefined)
  useEffect(() => {
    const abort = new AbortController()
    api<OverviewData>('/api/overview', { signal: abort.signal }).then(
      answer => {
        overview.value = answer
      },
      (error: ApiError) => {
        failure.value = error.message
      },
    )
    return () => abort.abort()
  }, [])
  return (
    <>
      <PageHead title="Overview">The broker that serves this page.</PageHead>
      {failure.value !== undefined && (
        <Empty title="No answer">
          <p>{failure.value}</p>
        </Empty>
      )}
      {overview.value !== undefined && <pre>{JSON.stringify(overview.value, null, 2)}</pre>}
    </>
  )
}
