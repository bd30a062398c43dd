// SPDX-License-Identifier: MIT
//
// ts-mls 1.6.4 as the tests use it: what it does differently from RFC 9420 is mended while it is loaded, so that the
// rest of it can be met at all. Whoever wants ts-mls imports it from here, because the mending must come first.
import { register } from 'node:module';

register('./ts_mls_mended.mjs', import.meta.url);

export const mls = await import('ts-mls');
