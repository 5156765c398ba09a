/** Memory errors that the hardware found, from /sys/devices/system/edac/mc. */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { addNumberFile, listIfPresent } from '../files.ts';
import { remembered } from '../remembered.ts';
import type { Sampler } from '../sampler.ts';

const FOLDER = '/sys/devices/system/edac/mc';
/** What node_exporter calls the row when the hardware does not know it. */
const UNKNOWN_ROW = 'unknown';

export function edacSampler(clock: Clock): Sampler {
  const names = remembered(clock, (host) => listIfPresent(host, FOLDER, /^mc[0-9]+$/));
  return {
    name: 'edac',
    metrics: [
      'node_edac_correctable_errors_total',
      'node_edac_uncorrectable_errors_total',
      'node_edac_csrow_correctable_errors_total',
      'node_edac_csrow_uncorrectable_errors_total',
    ],
    sample(host, readings) {
      const source = { host, readings };
      for (const name of names(host)) {
        const folder = `${FOLDER}/${name}`;
        const controller = name.slice('mc'.length);
        addNumberFile(source, `${folder}/ce_count`, { metric: 'node_edac_correctable_errors_total' }, [
          controller,
        ]);
        addNumberFile(source, `${folder}/ue_count`, { metric: 'node_edac_uncorrectable_errors_total' }, [
          controller,
        ]);
        const rows = listIfPresent(host, folder, /^csrow[0-9]+$/).map((row) => ({
          row: row.slice('csrow'.length),
          correctable: `${folder}/${row}/ce_count`,
          uncorrectable: `${folder}/${row}/ue_count`,
        }));
        const unknown = {
          row: UNKNOWN_ROW,
          correctable: `${folder}/ce_noinfo_count`,
          uncorrectable: `${folder}/ue_noinfo_count`,
        };
        for (const { row, correctable, uncorrectable } of [unknown, ...rows]) {
          const labels = [controller, row];
          addNumberFile(source, correctable, { metric: 'node_edac_csrow_correctable_errors_total' }, labels);
          addNumberFile(
            source,
            uncorrectable,
            { metric: 'node_edac_csrow_uncorrectable_errors_total' },
            labels,
          );
        }
      }
    },
  };
}
