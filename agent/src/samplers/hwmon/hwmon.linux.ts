/**
 * Temperatures, fans, voltages and power from /sys/class/hwmon. Which files a chip has is looked up once a minute, in
 * between only the numbers are read. A chip behind a slow bus may take a millisecond for each.
 */
import { posix } from 'node:path';
import { HWMON_METRICS } from '@rollcall/shared/catalogue/hardware.ts';
import { isMetricName } from '@rollcall/shared/catalogue/metrics.ts';
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { HostError, type Host } from '../../host/host.ts';
import { addNumberFile, listIfPresent, readFact, readIfPresent } from '../files.ts';
import type { Readings } from '../readings.ts';
import { remembered } from '../remembered.ts';
import type { Sampler } from '../sampler.ts';
import { chipName, labelledSensor, sensorFile, type SensorFile } from './hwmon.ts';

const FOLDER = '/sys/class/hwmon';

interface Chip {
  readonly chip: string;
  /** Empty when the driver gives none. */
  readonly driverName: string;
  readonly labels: readonly { readonly sensor: string; readonly label: string }[];
  readonly sensors: readonly (SensorFile & { readonly path: string })[];
}

export function hwmonSampler(clock: Clock): Sampler {
  const chips = remembered(clock, readChips);
  return {
    name: 'hwmon',
    metrics: Object.keys(HWMON_METRICS).filter(isMetricName),
    sample(host, readings) {
      for (const chip of chips(host)) addChip(host, readings, chip);
    },
  };
}

function readChips(host: Host): readonly Chip[] {
  return listIfPresent(host, FOLDER, /^hwmon[0-9]+$/).map((name) => readChip(host, `${FOLDER}/${name}`));
}

function addChip(host: Host, readings: Readings, { chip, driverName, labels, sensors }: Chip): void {
  if (driverName !== '') readings.addFacts('node_hwmon_chip_names', [chip, driverName]);
  for (const { sensor, label } of labels) {
    readings.addFacts('node_hwmon_sensor_label', [chip, label, sensor]);
  }
  for (const { path, metric, per, sensor } of sensors) {
    addNumberFile({ host, readings }, path, { metric, per }, [chip, sensor]);
  }
}

/** The files stand in the folder itself, with old drivers in that of the device. */
function readChip(host: Host, folder: string): Chip {
  const found = [folder, `${folder}/device`].flatMap((place) =>
    listIfPresent(host, place, /^[a-z]+[0-9]+(_[a-z_]+)?$/).map((file) => ({
      file,
      path: `${place}/${file}`,
    })),
  );
  return {
    chip: chipName(devicePath(host, folder)),
    driverName: readFact(host, `${folder}/name`),
    labels: found.flatMap(({ file, path }) => {
      const sensor = labelledSensor(file);
      return sensor === undefined ? [] : [{ sensor, label: readLabel(host, path) }];
    }),
    sensors: found.flatMap(({ file, path }) => {
      const sensor = sensorFile(file);
      return sensor === undefined ? [] : [{ ...sensor, path }];
    }),
  };
}

/** Spaces at its end are part of the label to node_exporter, hence to us. */
function readLabel(host: Host, path: string): string {
  return readIfPresent(host, path)?.toString().replace(/\n$/, '') ?? '';
}

/** Follows the links `hwmon0 -> ../../devices/…/hwmon/hwmon0` and `device -> ../../../coretemp.0`. */
function devicePath(host: Host, folder: string): string {
  const real = posix.resolve(posix.dirname(folder), linkTarget(host, folder) ?? posix.basename(folder));
  const device = linkTarget(host, `${folder}/device`);
  return device === undefined ? `/${posix.basename(real)}` : posix.resolve(real, device);
}

function linkTarget(host: Host, path: string): string | undefined {
  try {
    return host.readLink(path);
  } catch (error) {
    if (error instanceof HostError) return undefined;
    throw error;
  }
}
