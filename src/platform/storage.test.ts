import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { crc32 } from '../base/checksum.ts'
import { SeededRandom } from '../base/random.ts'
import type { StorageError, StorageFile } from '../engine/ports.ts'
import { FolderLocked, openFolder } from './storage.ts'

let path = ''
beforeEach(() => {
  path = fs.mkdtempSync(join(tmpdir(), 'spillway-storage-'))
})
afterEach(() => fs.rmSync(path, { recursive: true, force: true }))

function written(file: StorageFile, offset: number, parts: Uint8Array[], durable: boolean) {
  return new Promise<StorageError | undefined>(resolve => {
    let hasReturned = false
    file.write(offset, parts, durable, error => {
      assert.equal(hasReturned, true, 'a completion never comes before the call returns')
      resolve(error)
    })
    hasReturned = true
  })
}

describe('storage', () => {
  it('reads back what it wrote, durable or not, in one part or many', async () => {
    const folder = openFolder(join(path, 'new', 'deep'))
    const file = folder.open('a.log')
    const random = new SeededRandom(1)
    let model = new Uint8Array(0)
    for (let turn = 0; turn < 40; turn++) {
      const parts = Array.from({ length: random.below(5) }, () =>
        Uint8Array.from({ length: random.below(3000) }, () => random.below(256)),
      )
      const offset = model.length
      const total = parts.reduce((sum, part) => sum + part.length, 0)
      const grown = new Uint8Array(offset + total)
      grown.set(model)
      let at = offset
      for (const part of parts) {
        grown.set(part, at)
        at += part.length
      }
      model = grown
      assert.equal(await written(file, offset, parts, random.chance(0.5)), undefined)
      assert.equal(file.size(), model.length)
    }
    const into = new Uint8Array(model.length + 10)
    assert.equal(file.read(0, into), model.length)
    assert.deepEqual(into.subarray(0, model.length), model)
    assert.equal(file.read(model.length + 5, into), 0)
    file.truncate(10)
    assert.equal(file.size(), 10)
    assert.equal(await new Promise(resolve => file.sync(resolve)), undefined)
    file.close()
    folder.close()
  })

  it('lists, renames and removes, and keeps its lock to itself', async () => {
    const folder = openFolder(path)
    folder.open('a').close()
    folder.open('b').close()
    folder.rename('a', 'b')
    assert.deepEqual(folder.list(), ['b'])
    folder.remove('b')
    folder.remove('b')
    assert.deepEqual(folder.list(), [])
    assert.equal(await new Promise(resolve => folder.syncDirectory(resolve)), undefined)
    assert.throws(() => folder.open('../b'), /plain name/)
    assert.throws(() => folder.open('lock'), /plain name/)
    assert.ok(folder.freeBytes() > 0)
    folder.close()
  })

  it('writes durably to a file that was renamed while it was open', async () => {
    const folder = openFolder(path)
    const file = folder.open('a')
    folder.rename('a', 'b')
    assert.equal(await written(file, 0, [Uint8Array.of(1, 2, 3)], true), undefined)
    assert.deepEqual([...fs.readFileSync(join(path, 'b'))], [1, 2, 3])
    file.close()
    folder.close()
  })

  it('reports an error by its code, and lets a close wait for the calls under way', async () => {
    const folder = openFolder(path)
    const file = folder.open('a')
    const outcomes = [1, 2, 3].map(n => written(file, n * 4096, [new Uint8Array(4096)], n === 2))
    file.close()
    assert.deepEqual(await Promise.all(outcomes), [undefined, undefined, undefined])
    assert.equal(fs.statSync(join(path, 'a')).size, 4 * 4096)
    folder.close()
    if (fs.existsSync('/dev/full')) {
      fs.symlinkSync('/dev/full', join(path, 'full'))
      const again = openFolder(path)
      const full = again.open('full')
      assert.equal((await written(full, 0, [new Uint8Array(10)], true))?.code, 'ENOSPC')
      full.close()
      again.close()
    }
  })

  it('has the checksum of the simulated one', () => {
    const folder = openFolder(path)
    const bytes = Uint8Array.from({ length: 1000 }, (_, index) => index * 7)
    assert.equal(folder.crc32(bytes), crc32(bytes))
    folder.close()
  })
})

const storageModule = fileURLToPath(new URL('./storage.js', import.meta.url))
const holderScript = `
  import { openFolder } from ${JSON.stringify(storageModule)}
  try {
    openFolder(process.argv[1])
    console.log('held')
    setInterval(() => {}, 1000)
  } catch (error) {
    console.log(error.name + ' ' + error.pid)
  }`

/** Starts a process that opens the folder, and waits for its first line. */
async function hold(env: NodeJS.ProcessEnv = process.env): Promise<[string, ChildProcess]> {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', holderScript, path], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  for await (const chunk of child.stdout!) return [String(chunk).trim(), child]
  throw new Error('the child said nothing')
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  const gone = new Promise(resolve => child.once('exit', resolve))
  child.kill('SIGKILL')
  await gone
}

function isHeldBy(pid: number | undefined) {
  return (error: unknown) =>
    error instanceof FolderLocked &&
    error.pid === pid &&
    error.folder === path &&
    error.message.includes(`${pid}`) &&
    error.message.includes(path)
}

describe("the folder's lock", () => {
  it('refuses a second holder in the same process', () => {
    const folder = openFolder(path)
    assert.throws(() => openFolder(path), isHeldBy(process.pid))
    folder.close()
    openFolder(path).close()
  })

  it('refuses while another process lives, and not after it was killed', async () => {
    const [said, child] = await hold()
    assert.equal(said, 'held')
    assert.throws(() => openFolder(path), isHeldBy(child.pid))
    await kill(child)
    openFolder(path).close()
  })

  const bare = { ...process.env, PATH: '/nowhere' }

  it('does the same where there is no command that locks', async () => {
    const [said, child] = await hold(bare)
    assert.equal(said, 'held')
    const [other, second] = await hold(bare)
    assert.equal(other, `FolderLocked ${child.pid}`)
    await kill(second)
    await kill(child)
    const [again, third] = await hold(bare)
    assert.equal(again, 'held')
    await kill(third)
  })

  it('does not take a process with the same number for the holder', async () => {
    const stale = { pid: process.pid, startedAt: '1', boot: 'another', space: undefined }
    fs.writeFileSync(join(path, 'lock'), JSON.stringify(stale))
    const [said, child] = await hold(bare)
    assert.equal(said, 'held')
    await kill(child)
  })

  it('takes a half written lock file for nobody', () => {
    fs.writeFileSync(join(path, 'lock'), '{"pid":1,')
    openFolder(path).close()
    const { stdout } = spawnSync(
      process.execPath,
      [
        '--input-type=module',
        '--eval',
        `import { openFolder } from ${JSON.stringify(storageModule)}
        openFolder(process.argv[1]).close(); console.log('opened')`,
        path,
      ],
      { env: bare },
    )
    assert.equal(String(stdout).trim(), 'opened')
  })
})
