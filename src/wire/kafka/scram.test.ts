import { equal } from 'node:assert/strict'
import { test } from 'node:test'
import { challenge, credentialOf, parseFirst, saltPassword, verify } from './scram.ts'

/** The exchange that RFC 7677 has for an example. */
const example = {
  first: 'n,,n=user,r=rOprNGfwEbeRWgbNEkqO',
  nonce: 'rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0',
  challenge:
    'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
  last: 'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
  signature: 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
}
const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64')
const given = { salt, iterations: 4096 }
const saltedPassword = saltPassword('SCRAM-SHA-256', 'pencil', given)
const credential = credentialOf('SCRAM-SHA-256', { ...given, saltedPassword })
const { bare } = parseFirst(example.first)!
const said = { nonce: example.nonce, bare, challenge: example.challenge }

test('the example of RFC 7677', () => {
  equal(parseFirst(example.first)!.user, 'user')
  equal(challenge(example.nonce, credential), example.challenge)
  equal(verify('SCRAM-SHA-256', credential, said, example.last), example.signature)
})

test('another proof, another nonce and a channel that is bound are refused', () => {
  const refused = [
    example.last.replace('p=dHzb', 'p=dHzc'),
    example.last.replace('r=rOpr', 'r=rOps'),
    example.last.replace('c=biws', 'c=cD10bHMs'),
    example.last.replace(/p=.*/, 'p=????'),
    example.last.replace(/p=.*/, 'p=AAAA'),
    'no message at all',
  ]
  for (const last of refused) equal(verify('SCRAM-SHA-256', credential, said, last), undefined)
})

test('names with commas, and first messages that ask for what is not served', () => {
  equal(parseFirst('n,,n=a=2Cb=3Dc,r=x')?.user, 'a,b=c')
  equal(parseFirst('y,,n=a,r=x')?.user, 'a')
  equal(parseFirst('n,a=a,n=a,r=x')?.user, 'a')
  for (const text of ['p=tls-unique,,n=a,r=x', 'n,a=b,n=a,r=x', 'n,,n=a', '', 'n,,r=x,n=a']) {
    equal(parseFirst(text), undefined, text)
  }
})
