// SPDX-License-Identifier: MIT
//
// A C test of crypto/mls, compiled by the script build beside this file, as an instance in node: its JSON, its output, its end.
import { readFileSync } from 'node:fs';
import path from 'node:path';

import { hostImports } from '../../../crypto/mls/wasm/host.mjs';
import { nodePrimitives } from '../../../crypto/mls/wasm/node_primitives.mjs';

// JSON values as numbers; texts are copied into the instance once.
class Values {
  #all = [];
  #numbers = new Map();
  #texts = new Map();

  constructor(instance) { this.instance = instance; }

  number(value) {
    if (value === undefined) return 0;
    const known = typeof value === 'object' && value !== null && this.#numbers.get(value);
    if (known) return known;
    this.#all.push(value);
    if (typeof value === 'object' && value !== null) this.#numbers.set(value, this.#all.length);
    return this.#all.length;
  }

  of(number) { return this.#all[number - 1]; }

  text(value) {
    if (typeof value !== 'string') return 0;
    if (!this.#texts.has(value)) {
      const { alloc, memory } = this.instance().exports;
      const at = alloc(value.length + 1);
      new Uint8Array(memory.buffer).set(Buffer.from(`${value}\0`), at);
      this.#texts.set(value, at);
    }
    return this.#texts.get(value);
  }
}

const never = () => { throw new Error('a test asked for a file'); };

// Runs the test in a file and gives how many passed and what it printed; vectors are read from `folder`.
export async function runTest(file, folder) {
  const lines = [];
  let started = '';
  let instance = null;
  const current = () => instance;
  const values = new Values(current);
  const text = (at) => {
    const memory = new Uint8Array(instance.exports.memory.buffer);
    return Buffer.from(memory.subarray(at, memory.indexOf(0, at))).toString();
  };
  const imports = {
    host: hostImports(current, nodePrimitives, {}),
    test: {
      print(at) {
        started += text(at);
        lines.push(...started.split('\n').slice(0, -1));
        started = started.slice(started.lastIndexOf('\n') + 1);
      },
      fail(file, line) { throw new Error(`${text(file)}:${line}\n${lines.slice(-3).join('\n')}\n${started}`); },
    },
    json: {
      load: (at) => values.number(JSON.parse(readFileSync(path.join(folder, text(at)), 'utf8'))),
      get: (object, key) => values.number(values.of(object)?.[text(key)]),
      at: (array, index) => values.number(values.of(array)[index]),
      size: (array) => values.of(array)?.length ?? 0,
      text: (value) => values.text(values.of(value)),
      number: (value) => values.of(value),
      is_integer: (value) => Number(Number.isInteger(values.of(value))),
      is_null: (value) => Number(values.of(value) === null),
      drop: () => {},
    },
    wasi_snapshot_preview1: { fd_close: never, fd_seek: never, fd_write: never },
  };
  ({ instance } = await WebAssembly.instantiate(readFileSync(file), imports));
  const passed = instance.exports.run();
  return { passed, lines };
}
