/** Series as the lines that InfluxDB takes. */
import { influxName } from '../../../dashboards/src/influx-name.ts';
import { METRIC_NAME } from '../../../collector/src/storage/labels.ts';
import type { Series } from '../../../collector/src/storage/storage.ts';

/** One line for each sample. */
export function linesOf(series: readonly Series[]): readonly string[] {
  return series.flatMap(({ labels, timestamps, values }) => {
    const { measurement, field } = influxName(labels.get(METRIC_NAME));
    const tags = [...labels.entries()]
      .filter(([name, value]) => name !== METRIC_NAME && value !== '')
      .map(([name, value]) => `,${name}=${value.replaceAll(/[,= ]/g, (special) => `\\${special}`)}`)
      .join('');
    return Array.from(
      timestamps,
      (timeMs, index) => `${measurement}${tags} ${field}=${values[index]} ${timeMs}`,
    );
  });
}
