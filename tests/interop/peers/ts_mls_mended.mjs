// SPDX-License-Identifier: MIT
//
// A loader for node that mends ts-mls 1.6.4 where it disagrees with RFC 9420. Each entry names the section; a text that
// is not found exactly as often as it says means another version, which somebody must look at.
const mends = {
  'createCommit.js': [
    // Section 12.4.3.2: ExternalPub holds an HPKEPublicKey, which is opaque<V> and so begins with its length.
    // ts-mls writes and reads the bare key.
    {
      times: 1,
      from: 'exportSecret(externalPub.extensionData, cs)',
      to: 'exportSecret(externalPub.extensionData.subarray(1), cs)',
    },
    {
      times: 2,
      from: '{ extensionType: "external_pub", extensionData: externalPub }',
      to: '{ extensionType: "external_pub", extensionData: Uint8Array.of(externalPub.length, ...externalPub) }',
    },
  ],
  'clientState.js': [
    // Section 12.4.3.1: every non-blank node between an unmerged leaf and the parent that lists it lists that leaf, too.
    // ts-mls wants the whole lists equal, and those of the nodes above as well.
    {
      times: 1,
      from: 'for (const parentIdx of dp) {',
      to: 'for (const parentIdx of dp.slice(0, Math.max(0, dp.indexOf(toNodeIndex(i))))) {',
    },
    {
      times: 1,
      from: '!arraysEqual(dpNode.parent.unmergedLeaves, n.parent.unmergedLeaves)',
      to: '!dpNode.parent.unmergedLeaves.includes(unmergedLeaf)',
    },
  ],
  'externalSender.js': [
    // Section 12.1.8.1: the extension is a vector of ExternalSender. ts-mls takes it for a single one and counts
    // extensions instead of its elements: the first element is all that it can be given.
    {
      times: 1,
      from: 'export const decodeExternalSender = mapDecoders(',
      to: 'export const decodeExternalSender = (bytes, offset) => '
        + 'decodeOne(decodeVarLenData(bytes, offset)[0], 0);\nconst decodeOne = mapDecoders(',
    },
  ],
};

function mend(source, { times, from, to }, name) {
  const parts = source.split(from);
  if (parts.length !== times + 1) throw new Error(`ts-mls is not 1.6.4: ${name} has not ${times} times ${from}`);
  return parts.join(to);
}

export async function load(url, context, next) {
  const loaded = await next(url, context);
  const name = url.includes('/ts-mls/dist/src/') ? url.slice(url.lastIndexOf('/') + 1) : undefined;
  if (!(name in mends)) return loaded;
  const source = mends[name].reduce((text, entry) => mend(text, entry, name), loaded.source.toString());
  return { ...loaded, source };
}
