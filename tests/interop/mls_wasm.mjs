// SPDX-License-Identifier: MIT
// timeout: 900
//
// crypto/mls as WebAssembly, the primitives from node: the vector tests of the C build compiled to wasm, so that all official
// vectors of both suites run through it; a random history that must print the same as natively; and the exports that a
// client in a browser is made of, with a member of the native build in the group.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { Mls } from '../../crypto/mls/wasm/mls.mjs';
import { nodePrimitives } from '../../crypto/mls/wasm/node_primitives.mjs';
import { runTest } from './wasm/c_tests.mjs';
import { groupTests } from './wasm/groups.mjs';
import { outsideTests } from './wasm/outside.mjs';
import { hex, Person, utf8 } from './wasm/people.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const library = path.join(here, '../../crypto/mls');
const build = process.env.SOTTO_BUILD ?? path.join(here, '..', '..', 'build');
const folder = process.env.SOTTO_VECTORS ?? path.join(here, '../../../shared/vectors');
const withoutVectors = !existsSync(folder) && process.env.SOTTO_REQUIRE_VECTORS !== '1'
  && `no test vectors in ${folder}`;
const out = mkdtempSync(path.join(tmpdir(), 'sotto-wasm-'));

// Which files each test reads. Some files have cases of suite 1 only; what counts is that both builds run the same number.
const vectorTests = {
  test_mls_tree_math: ['tree-math'],
  test_mls_crypto_basics: ['crypto-basics'],
  test_mls_deserialization: ['deserialization'],
  test_mls_messages: ['messages'],
  test_mls_key_schedule: ['key-schedule'],
  test_mls_psk: ['psk_secret'],
  test_mls_transcript: ['transcript-hashes'],
  test_mls_secret_tree: ['secret-tree'],
  test_mls_message_protection: ['message-protection'],
  test_mls_tree_operations: ['tree-operations'],
  test_mls_tree_validation: ['tree-validation'],
  test_mls_treekem: ['treekem'],
  test_mls_welcome: ['welcome'],
  test_mls_passive_client: ['passive-client-welcome', 'passive-client-handling-commit', 'passive-client-random'],
};

before(() => {
  const tools = { stdio: ['ignore', 'inherit', 'inherit'] };
  execFileSync(path.join(here, '../../crypto/mls/wasm/build'), [out], tools);
  execFileSync(path.join(here, 'wasm/build'), [out, 'mls_story', ...Object.keys(vectorTests)], tools);
});
after(() => rmSync(out, { recursive: true }));

const native = (name) => execFileSync(path.join(build, 'tests', name), { encoding: 'utf8' }).split('\n');
const counts = (lines) => lines.filter((line) => /^# mls\/.*: \d+ cases$/.test(line));

for (const [name, files] of Object.entries(vectorTests)) {
  test(`${files.join(', ')} through wasm`, { skip: withoutVectors }, async () => {
    const { passed, lines } = await runTest(path.join(out, `${name}.wasm`), folder);
    assert.ok(passed > 0);
    for (const file of files) assert.ok(counts(lines).some((line) => line.startsWith(`# mls/${file}.json`)), file);
    assert.deepEqual(counts(lines), counts(native(name)));
  });
}

test('a random history with damaged messages is the same, byte for byte, as natively', async () => {
  const { lines } = await runTest(path.join(out, 'mls_story.wasm'), folder);
  const told = (all) => all.filter((line) => /^# p\d /.test(line));

  assert.ok(told(lines).some((line) => / damaged -/.test(line)));
  assert.ok(told(lines).length > 500);
  assert.deepEqual(told(lines), told(native('mls_story')));
});

// ---- The exports ------------------------------------------------------------------------------

const load = () => Mls.load(readFileSync(path.join(out, 'mls.wasm')), nodePrimitives);

test('the module imports what host.h names and nothing else', async () => {
  const imports = WebAssembly.Module.imports(new WebAssembly.Module(readFileSync(path.join(out, 'mls.wasm'))));
  const named = [...readFileSync(path.join(library, 'wasm/host.h'), 'utf8').matchAll(/^HOST\((\w+)\)/gm)];
  assert.deepEqual(imports.map(({ module, name }) => `${module}.${name}`).sort(),
    named.map(([, name]) => `host.${name}`).sort());
});

const sources = (folder, ending) => readdirSync(folder).filter((name) => name.endsWith(ending))
  .map((name) => [name, readFileSync(path.join(folder, name), 'utf8')]);
const all = (text, pattern) => [...text.matchAll(pattern)].map(([, name]) => name);

test('the program of the README runs', async () => {
  const program = readFileSync(path.join(library, 'wasm/README.md'), 'utf8').match(/```js\n([^]*?)```/)[1]
    .replace(/^import .*\n/gm, '').replace("'/tmp/mls/mls.wasm'", 'file');
  const run = new (async () => {}).constructor('readFileSync', 'Mls', 'nodePrimitives', 'file', `${program}; return plaintext;`);

  assert.deepEqual(await run(readFileSync, Mls, nodePrimitives, path.join(out, 'mls.wasm')), utf8('hello, Ben'));
});

test('every function of the headers is exported, or the README says why not', () => {
  const declared = sources(path.join(library, 'include/mls'), '.h').flatMap(([, text]) => all(text.replace(
    /\/\*[^]*?\*\//g, ''), /\b(mls_\w+)\(/g));
  const used = new Set(sources(path.join(library, 'wasm'), '.c').flatMap(([, text]) => all(text, /\b(mls_\w+)\(/g)));
  const left = readFileSync(path.join(library, 'wasm/README.md'), 'utf8').split('**Not exported**')[1];
  assert.ok(declared.length > 60);
  const missing = [...new Set(declared)].filter((name) => !used.has(name));
  assert.deepEqual(all(left, /`(mls_\w+)`/g).sort(), missing.sort());
});

test('every export is used by the JavaScript beside it', () => {
  const names = WebAssembly.Module.exports(new WebAssembly.Module(readFileSync(path.join(out, 'mls.wasm'))))
    .filter(({ kind }) => kind === 'function').map(({ name }) => name);
  const prefixes = { 'followed.mjs': ['group_', 'public_'], 'group.mjs': ['group_'], 'public_group.mjs': ['public_'] };
  const used = new Set(sources(path.join(library, 'wasm'), '.mjs').flatMap(([file, text]) => [
    ...all(text, /wasm\.(\w+)/g),
    ...all(text, /reading\(inside, '(\w+)'/g).flatMap((name) => [name, `${name}_next`]),
    ...all(text, /keepList\('(\w+)'/g).flatMap((name) => [`${name}_new`, `${name}_free`]),
    ...all(text, /\.(?:call|hash|output)\('(\w+)'/g).flatMap((name) => prefixes[file].map((prefix) => prefix + name)),
  ]));
  assert.deepEqual(names.filter((name) => !used.has(name)), ['_initialize'].filter((name) => names.includes(name)));
});

groupTests(load);
outsideTests(load);

test('a native member and one in wasm are in one group', async () => {
  const child = spawn(path.join(build, 'tests', 'mls_peer'), { stdio: ['pipe', 'pipe', 'inherit'] });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ask = async (...words) => {
    child.stdin.write(`${words.join(' ')}\n`);
    const [verdict, ...values] = (await answers.next()).value.split(' ');
    assert.equal(verdict, 'ok', words[0]);
    return values.map((value) => new Uint8Array(Buffer.from(value === '-' ? '' : value, 'hex')));
  };
  try {
    const ada = new Person(await load(), 3, 'ada');
    await ask('client', '03', hex(utf8('nat')));
    ada.create();
    const { welcome } = ada.group.commit([{ add: (await ask('key-package'))[0] }]);
    ada.group.mergePending();
    await ask('join', hex(welcome), '-');
    const [commit] = await ask('commit', '01');
    ada.follow(commit);
    const [, authenticator] = await ask('state');
    assert.deepEqual(ada.group.epochAuthenticator, authenticator);
  } finally {
    child.stdin.end();
  }
});
