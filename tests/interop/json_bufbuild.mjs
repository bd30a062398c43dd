// SPDX-License-Identifier: MIT
//
// The golden vectors of the JSON mapping (tests/golden/json) against @bufbuild/protobuf, the protobuf library of browsers
// and node, which reads our schemas from the descriptor sets of the build. What is canonical there must be canonical
// here, both ways; what we accept it must accept as the same message; what we refuse it must refuse, too, except
// where the vectors say that we are stricter.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { createFileRegistry, fromBinary, fromJson, fromJsonString, toBinary, toJson } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

const here = path.dirname(fileURLToPath(import.meta.url));
const build = process.env.SOTTO_BUILD ?? path.join(here, '..', '..', 'build');

// Every schema of the build; files that several sets hold are the same.
function schemas() {
  const files = new Map();
  for (const folder of readdirSync(path.join(build, 'proto'))) {
    for (const name of readdirSync(path.join(build, 'proto', folder)).filter((n) => n.endsWith('.desc'))) {
      const set = fromBinary(FileDescriptorSetSchema, readFileSync(path.join(build, 'proto', folder, name)));
      for (const file of set.file) {
        files.set(file.name, file);
      }
    }
  }
  return createFileRegistry({ $typeName: FileDescriptorSetSchema.typeName, file: [...files.values()] });
}

const registry = schemas();

function vectors(file, least) {
  const text = readFileSync(path.join(here, '..', 'golden', 'json', file), 'utf8');
  const rows = JSON.parse(text).vectors;
  assert.ok(rows.length >= least, `${file} has ${rows.length} vectors, expected at least ${least}`);
  return rows.map((row) => {
    const schema = registry.getMessage(row.type);
    assert.ok(schema, `the build has no message ${row.type}`);
    return { ...row, schema };
  });
}

const hex = (bytes) => Buffer.from(bytes).toString('hex');
const bytes = (text) => Buffer.from(text, 'hex');

test('canonical forms agree both ways', () => {
  for (const { name, schema, proto, json } of vectors('canonical.json', 41)) {
    assert.deepEqual(toJson(schema, fromBinary(schema, bytes(proto)), { registry }), json, name);
    assert.equal(hex(toBinary(schema, fromJson(schema, json, { registry }))), proto, name);
  }
});

test('what we accept is accepted as the same message', () => {
  for (const { name, schema, proto, input } of vectors('accepted.json', 28)) {
    const message = fromJsonString(schema, input, { registry, ignoreUnknownFields: true });
    assert.equal(hex(toBinary(schema, message)), proto, name);
  }
});

test('what we refuse is refused, unless we say that we are stricter', () => {
  for (const { name, schema, input, strict } of vectors('refused.json', 77)) {
    if (!strict) {
      assert.throws(() => fromJsonString(schema, input, { registry, ignoreUnknownFields: true }), Error, name);
    }
  }
});
