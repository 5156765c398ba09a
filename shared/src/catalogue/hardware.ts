/** Rows of sensors and devices that only some machines have. node_exporter's names. This table is long: it is a list. */
import { counter, facts, gauge } from './definition.ts';

const MILLI_SCALE = 3;
const MICRO_SCALE = 6;

function frequency(help: string) {
  return gauge({ unit: 'hertz', labels: ['cpu'], scale: 0, help });
}

function sensor(unit: string, scale: number, help: string) {
  return gauge({ unit, labels: ['chip', 'sensor'], scale, help });
}

function celsius(help: string) {
  return sensor('celsius', MILLI_SCALE, help);
}

function volts(help: string) {
  return sensor('volts', MILLI_SCALE, help);
}

function amperes(help: string) {
  return sensor('amperes', MILLI_SCALE, help);
}

function watts(help: string) {
  return sensor('watts', MICRO_SCALE, help);
}

function rpm(help: string) {
  return sensor('rpm', 0, help);
}

function alarm(help: string) {
  return sensor('bool', 0, help);
}

function supply(unit: string, scale: number, help: string) {
  return gauge({ unit, labels: ['power_supply'], scale, help });
}

function errors<const Labels extends readonly string[]>(labels: Labels, help: string) {
  return counter({ unit: 'count', labels, scale: 0, help });
}

function level<const Labels extends readonly string[]>(labels: Labels, help: string) {
  return gauge({ unit: 'count', labels, scale: 0, help });
}

function bytesOf<const Labels extends readonly string[]>(labels: Labels, help: string) {
  return gauge({ unit: 'bytes', labels, scale: 0, help });
}

function cacheCount(help: string) {
  return counter({ unit: 'count', labels: [], scale: 0, help });
}

function cacheBytes(help: string) {
  return gauge({ unit: 'bytes', labels: [], scale: 0, help });
}

/** Rows of /sys/class/hwmon: `node_hwmon_<kind>_<property>_<unit>`. */
export const HWMON_METRICS = {
  node_hwmon_temp_celsius: celsius('Temperature.'),
  node_hwmon_temp_max_celsius: celsius('Highest temperature that is safe.'),
  node_hwmon_temp_max_hyst_celsius: celsius('Temperature at which the alarm for the highest one ends.'),
  node_hwmon_temp_min_celsius: celsius('Lowest temperature that is safe.'),
  node_hwmon_temp_min_hyst_celsius: celsius('Temperature at which the alarm for the lowest one ends.'),
  node_hwmon_temp_crit_celsius: celsius('Temperature that is critical.'),
  node_hwmon_temp_crit_hyst_celsius: celsius('Temperature at which the critical alarm ends.'),
  node_hwmon_temp_lcrit_celsius: celsius('Lower temperature that is critical.'),
  node_hwmon_temp_emergency_celsius: celsius('Temperature at which the machine may be switched off.'),
  node_hwmon_temp_emergency_hyst_celsius: celsius('Temperature at which that alarm ends.'),
  node_hwmon_temp_offset_celsius: celsius('Correction of the temperature.'),
  node_hwmon_temp_lowest_celsius: celsius('Lowest temperature so far.'),
  node_hwmon_temp_highest_celsius: celsius('Highest temperature so far.'),
  node_hwmon_temp_max_alarm_celsius: alarm('1 when the sensor is above the highest safe temperature.'),
  node_hwmon_temp_min_alarm_celsius: alarm('1 when the sensor is below the lowest safe temperature.'),
  node_hwmon_temp_crit_alarm_celsius: alarm('1 when the sensor is at a critical temperature.'),
  node_hwmon_temp_lcrit_alarm_celsius: alarm('1 when the sensor is at a critical low temperature.'),
  node_hwmon_temp_emergency_alarm_celsius: alarm('1 when the sensor is at an emergency temperature.'),
  node_hwmon_temp_alarm: alarm('1 when the temperature sensor raises an alarm.'),
  node_hwmon_fan_alarm: alarm('1 when the fan sensor raises an alarm.'),
  node_hwmon_in_alarm: alarm('1 when the voltage sensor raises an alarm.'),
  node_hwmon_curr_alarm: alarm('1 when the current sensor raises an alarm.'),
  node_hwmon_power_alarm: alarm('1 when the power sensor raises an alarm.'),
  node_hwmon_temp_fault: alarm('1 when the temperature sensor is faulty.'),
  node_hwmon_fan_fault: alarm('1 when the fan sensor is faulty.'),
  node_hwmon_fan_rpm: rpm('Revolutions of the fan per minute.'),
  node_hwmon_fan_min_rpm: rpm('Lowest speed of the fan that is normal.'),
  node_hwmon_fan_max_rpm: rpm('Highest speed of the fan that is normal.'),
  node_hwmon_fan_target_rpm: rpm('Speed that the fan should have.'),
  node_hwmon_in_volts: volts('Measured voltage.'),
  node_hwmon_in_min_volts: volts('Lowest voltage that is normal.'),
  node_hwmon_in_max_volts: volts('Highest voltage that is normal.'),
  node_hwmon_in_crit_volts: volts('Critical voltage.'),
  node_hwmon_in_average_volts: volts('Average voltage.'),
  node_hwmon_in_lcrit_volts: volts('Critical low voltage.'),
  node_hwmon_curr_amps: amperes('Measured current.'),
  node_hwmon_curr_min_amps: amperes('Lowest current that is normal.'),
  node_hwmon_curr_max_amps: amperes('Highest current that is normal.'),
  node_hwmon_curr_crit_amps: amperes('Critical current.'),
  node_hwmon_curr_average_amps: amperes('Average current.'),
  node_hwmon_curr_lcrit_amps: amperes('Critical low current.'),
  node_hwmon_power_watt: watts('Measured power.'),
  node_hwmon_power_min_watt: watts('Lowest power that is normal.'),
  node_hwmon_power_max_watt: watts('Highest power that is normal.'),
  node_hwmon_power_crit_watt: watts('Critical power.'),
  node_hwmon_power_average_watt: watts('Average power.'),
  node_hwmon_power_cap_watt: watts('Power that the device is limited to.'),
  node_hwmon_energy_joule_total: counter({
    unit: 'joules',
    labels: ['chip', 'sensor'],
    scale: MICRO_SCALE,
    help: 'Energy used.',
  }),
  node_hwmon_pwm: sensor('count', 0, 'Drive of the fan, 0 to 255.'),
  node_hwmon_humidity: sensor('ratio', MICRO_SCALE, 'Relative humidity.'),
  node_hwmon_intrusion_alarm: alarm('1 when the case was opened.'),
  node_hwmon_chip_names: facts(['chip', 'chip_name'], 'Name that the driver gives to the chip.'),
  node_hwmon_sensor_label: facts(['chip', 'label', 'sensor'], 'What the sensor measures.'),
} as const;

/** Rows of /sys/class/power_supply: `node_power_supply_<attribute>`. */
const POWER_SUPPLY_METRICS = {
  node_power_supply_online: supply(
    'bool',
    0,
    '1 when the supply delivers power; 2 when it does so at a programmable voltage.',
  ),
  node_power_supply_present: supply('bool', 0, '1 when the battery is there.'),
  node_power_supply_capacity: supply('percent', 0, 'Charge of the battery in per cent.'),
  node_power_supply_cyclecount: supply('count', 0, 'Times that the battery was charged.'),
  node_power_supply_time_to_empty_seconds: supply('seconds', 0, 'Time until the battery is empty.'),
  node_power_supply_time_to_full_seconds: supply('seconds', 0, 'Time until the battery is full.'),
  node_power_supply_current_ampere: supply('amperes', MICRO_SCALE, 'Current.'),
  node_power_supply_current_max: supply('amperes', MICRO_SCALE, 'Highest current.'),
  node_power_supply_energy_full: supply('watthours', MICRO_SCALE, 'Energy in the battery when it is full.'),
  node_power_supply_energy_full_design: supply(
    'watthours',
    MICRO_SCALE,
    'Energy in the battery when it was new and full.',
  ),
  node_power_supply_energy_watthour: supply('watthours', MICRO_SCALE, 'Energy in the battery.'),
  node_power_supply_voltage_volt: supply('volts', MICRO_SCALE, 'Voltage.'),
  node_power_supply_voltage_max_design: supply('volts', MICRO_SCALE, 'Highest voltage by design.'),
  node_power_supply_voltage_min_design: supply('volts', MICRO_SCALE, 'Lowest voltage by design.'),
  node_power_supply_charge_full: supply('amperehours', MICRO_SCALE, 'Charge of the battery when it is full.'),
  node_power_supply_charge_full_design: supply(
    'amperehours',
    MICRO_SCALE,
    'Charge of the battery when it was new and full.',
  ),
  node_power_supply_charge_ampere: supply('amperehours', MICRO_SCALE, 'Charge of the battery.'),
  node_power_supply_power_watt: supply('watts', MICRO_SCALE, 'Power.'),
  node_power_supply_temp_celsius: supply('celsius', 1, 'Temperature of the battery.'),
  node_power_supply_info: facts(
    [
      'capacity_level',
      'charge_type',
      'health',
      'manufacturer',
      'model_name',
      'power_supply',
      'scope',
      'serial_number',
      'status',
      'technology',
      'type',
      'usb_type',
    ],
    'What the supply is and how it does, in the words of its driver.',
  ),
} as const;

/** Rows of the cache of ZFS: `node_zfs_arc_<name>`, as node_exporter and the kernel name them. */
export const ZFS_METRICS = {
  node_zfs_arc_hits: cacheCount('Reads that the cache answered.'),
  node_zfs_arc_misses: cacheCount('Reads that the cache could not answer.'),
  node_zfs_arc_demand_data_hits: cacheCount('Reads of data, asked for by programs, that the cache answered.'),
  node_zfs_arc_demand_data_misses: cacheCount(
    'Reads of data, asked for by programs, that the cache could not answer.',
  ),
  node_zfs_arc_demand_metadata_hits: cacheCount(
    'Reads of metadata, asked for by programs, that the cache answered.',
  ),
  node_zfs_arc_demand_metadata_misses: cacheCount(
    'Reads of metadata, asked for by programs, that the cache could not answer.',
  ),
  node_zfs_arc_prefetch_data_hits: cacheCount('Reads of data ahead of programs that the cache answered.'),
  node_zfs_arc_prefetch_data_misses: cacheCount(
    'Reads of data ahead of programs that the cache could not answer.',
  ),
  node_zfs_arc_prefetch_metadata_hits: cacheCount(
    'Reads of metadata ahead of programs that the cache answered.',
  ),
  node_zfs_arc_prefetch_metadata_misses: cacheCount(
    'Reads of metadata ahead of programs that the cache could not answer.',
  ),
  node_zfs_arc_mru_hits: cacheCount('Hits among what was used lately.'),
  node_zfs_arc_mru_ghost_hits: cacheCount('Hits among what was used lately and has been thrown out.'),
  node_zfs_arc_mfu_hits: cacheCount('Hits among what is used often.'),
  node_zfs_arc_mfu_ghost_hits: cacheCount('Hits among what was used often and has been thrown out.'),
  node_zfs_arc_deleted: cacheCount('Entries thrown out of the cache.'),
  node_zfs_arc_memory_throttle_count: cacheCount('Times that writing was slowed down for lack of memory.'),
  node_zfs_arc_l2_hits: cacheCount('Reads that the second cache answered.'),
  node_zfs_arc_l2_misses: cacheCount('Reads that the second cache could not answer.'),
  node_zfs_arc_l2_read_bytes: cacheCount('Bytes read from the second cache.'),
  node_zfs_arc_l2_write_bytes: cacheCount('Bytes written to the second cache.'),
  node_zfs_arc_size: cacheBytes('Size of the cache.'),
  node_zfs_arc_c: cacheBytes('Size that the cache aims at.'),
  node_zfs_arc_c_min: cacheBytes('Smallest size that the cache may aim at.'),
  node_zfs_arc_c_max: cacheBytes('Largest size that the cache may aim at.'),
  node_zfs_arc_arc_meta_used: cacheBytes('Metadata in the cache.'),
  node_zfs_arc_arc_meta_limit: cacheBytes('Metadata that the cache may hold.'),
  node_zfs_arc_data_size: cacheBytes('Data in the cache.'),
  node_zfs_arc_metadata_size: cacheBytes('Metadata in the cache, without the bookkeeping.'),
  node_zfs_arc_l2_size: cacheBytes('Size of the contents of the second cache.'),
  node_zfs_arc_l2_asize: cacheBytes('Size of the second cache on its disk.'),
} as const;

export const HARDWARE_METRICS = {
  ...ZFS_METRICS,
  ...HWMON_METRICS,
  ...POWER_SUPPLY_METRICS,

  node_cpu_frequency_hertz: frequency('Frequency of the processor as the hardware tells it.'),
  node_cpu_frequency_min_hertz: frequency('Lowest frequency that the processor can run at.'),
  node_cpu_frequency_max_hertz: frequency('Highest frequency that the processor can run at.'),
  node_cpu_scaling_frequency_hertz: frequency('Frequency of the processor as the kernel tells it.'),
  node_cpu_scaling_frequency_min_hertz: frequency(
    'Lowest frequency that the kernel lets the processor run at.',
  ),
  node_cpu_scaling_frequency_max_hertz: frequency(
    'Highest frequency that the kernel lets the processor run at.',
  ),
  node_cpu_core_throttles_total: errors(
    ['core', 'package'],
    'Times that the core was slowed down because of heat.',
  ),
  node_cpu_package_throttles_total: errors(
    ['package'],
    'Times that the whole processor was slowed down because of heat.',
  ),

  node_thermal_zone_temp: gauge({
    unit: 'celsius',
    labels: ['type', 'zone'],
    scale: MILLI_SCALE,
    help: 'Temperature of the zone.',
  }),
  node_cooling_device_cur_state: level(['name', 'type'], 'How hard the device cools.'),
  node_cooling_device_max_state: level(['name', 'type'], 'How hard the device can cool.'),

  node_md_disks: level(['device', 'state'], 'Disks of the array by state: active, failed or spare.'),
  node_md_disks_required: level(['device'], 'Disks that the array needs.'),
  node_md_state: level(
    ['device', 'state'],
    '1 for the state that the array is in: active, inactive, recovering, resync or check.',
  ),
  node_md_blocks: level(['device'], 'Blocks of 1 KiB in the array.'),
  node_md_blocks_synced: level(['device'], 'Blocks of the array that are in sync.'),

  node_btrfs_info: facts(['label', 'uuid'], 'A btrfs file system that is mounted, with its name.'),
  node_btrfs_global_rsv_size_bytes: bytesOf(['uuid'], 'Size of the reserve for the work of btrfs itself.'),
  node_btrfs_device_size_bytes: bytesOf(['device', 'uuid'], 'Size of a device of a btrfs file system.'),
  node_btrfs_reserved_bytes: bytesOf(
    ['block_group_type', 'uuid'],
    'Space that is promised to this kind of data of btrfs and not written yet.',
  ),
  node_btrfs_used_bytes: bytesOf(
    ['block_group_type', 'mode', 'uuid'],
    'Space that this kind of data of btrfs fills, copies not counted.',
  ),
  node_btrfs_size_bytes: bytesOf(
    ['block_group_type', 'mode', 'uuid'],
    'Space that is set aside for this kind of data of btrfs, copies not counted.',
  ),
  node_btrfs_allocation_ratio: gauge({
    unit: 'ratio',
    labels: ['block_group_type', 'mode', 'uuid'],
    scale: MICRO_SCALE,
    help: 'Bytes on the devices for each byte of this kind of data of btrfs.',
  }),

  node_bonding_slaves: level(['master'], 'Network devices in the bond.'),
  node_bonding_active: level(['master'], 'Network devices in the bond that have a link.'),

  node_edac_correctable_errors_total: errors(['controller'], 'Memory errors that were corrected.'),
  node_edac_uncorrectable_errors_total: errors(['controller'], 'Memory errors that could not be corrected.'),
  node_edac_csrow_correctable_errors_total: errors(
    ['controller', 'csrow'],
    'Memory errors that were corrected, by row of chips.',
  ),
  node_edac_csrow_uncorrectable_errors_total: errors(
    ['controller', 'csrow'],
    'Memory errors that could not be corrected, by row of chips.',
  ),

  node_nvme_info: facts(
    ['device', 'firmware_revision', 'model', 'serial', 'state'],
    'What the NVMe controller is.',
  ),
} as const;
