/** What the files of /sys/class/power_supply mean. Source: Documentation/ABI/testing/sysfs-class-power. */
import type { NumberFile } from '../files.ts';

const MICRO = 1_000_000;
const TENTH = 10;

export const POWER_SUPPLY_FILES: readonly NumberFile[] = [
  { metric: 'node_power_supply_online', file: 'online' },
  { metric: 'node_power_supply_present', file: 'present' },
  { metric: 'node_power_supply_capacity', file: 'capacity' },
  { metric: 'node_power_supply_cyclecount', file: 'cycle_count' },
  { metric: 'node_power_supply_time_to_empty_seconds', file: 'time_to_empty_now' },
  { metric: 'node_power_supply_time_to_full_seconds', file: 'time_to_full_now' },
  { metric: 'node_power_supply_current_ampere', file: 'current_now', per: MICRO },
  { metric: 'node_power_supply_current_max', file: 'current_max', per: MICRO },
  { metric: 'node_power_supply_energy_full', file: 'energy_full', per: MICRO },
  { metric: 'node_power_supply_energy_full_design', file: 'energy_full_design', per: MICRO },
  { metric: 'node_power_supply_energy_watthour', file: 'energy_now', per: MICRO },
  { metric: 'node_power_supply_voltage_volt', file: 'voltage_now', per: MICRO },
  { metric: 'node_power_supply_voltage_max_design', file: 'voltage_max_design', per: MICRO },
  { metric: 'node_power_supply_voltage_min_design', file: 'voltage_min_design', per: MICRO },
  { metric: 'node_power_supply_charge_full', file: 'charge_full', per: MICRO },
  { metric: 'node_power_supply_charge_full_design', file: 'charge_full_design', per: MICRO },
  { metric: 'node_power_supply_charge_ampere', file: 'charge_now', per: MICRO },
  { metric: 'node_power_supply_power_watt', file: 'power_now', per: MICRO },
  { metric: 'node_power_supply_temp_celsius', file: 'temp', per: TENTH },
];

/** Files with a word each, in the order of the labels of `node_power_supply_info`; undefined is the supply's name. */
export const POWER_SUPPLY_FACTS: readonly (string | undefined)[] = [
  'capacity_level',
  'charge_type',
  'health',
  'manufacturer',
  'model_name',
  undefined,
  'scope',
  'serial_number',
  'status',
  'technology',
  'type',
  'usb_type',
];
