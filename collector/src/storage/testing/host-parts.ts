/** A store whose hosts can be chosen, out of any. */
import { partIndexOf } from '../host-part.ts';
import { HOST_LABEL } from '../labels.ts';
import type { StorageReader } from '../storage.ts';

/** @param count of parts */
export function inHostParts(storage: StorageReader, count: number): StorageReader {
  return {
    async select({ part, ...request }, signal) {
      const all = await storage.select(request, signal);
      if (part === undefined) return all;
      return all.filter(({ labels }) => partIndexOf(labels.get(HOST_LABEL), part.count) === part.index);
    },
    series: (request, signal) => storage.series(request, signal),
    labelNames: (request, signal) => storage.labelNames(request, signal),
    labelValues: (name, request, signal) => storage.labelValues(name, request, signal),
    hostParts: () => count,
  };
}
