/** Seeds that failed once, with what was wrong. They run first, for ever; a seed that fails gets a line here. */
export const FAILED_SEEDS: readonly { readonly seed: number; readonly wrong: string }[] = [
  { seed: 173, wrong: 'a collector that started again with its clock behind rejected what its agents sent' },
  { seed: 4468, wrong: 'an epoch was deleted when none of its segments could be read at a start' },
  { seed: 3651, wrong: 'the same, after a loss of power' },
  { seed: 4759, wrong: 'the same, in a spool that had been set back' },
  { seed: 4648, wrong: 'what a process had not synced before it was killed was not synced by the next one' },
  { seed: 6226, wrong: 'a fork was not found in an epoch that was not current any more' },
  { seed: 5712, wrong: 'an agent that slept while it stopped went on for ever' },
  { seed: 6869, wrong: 'the same, with nothing else going on' },
  {
    seed: 1523,
    wrong: 'a collector that had stood still gave hosts as much more time as it had stood still',
  },
  { seed: 3150, wrong: 'the same' },
  {
    seed: 2640,
    wrong: 'what a machine took before its wall clock was set counted as too old after the next boot',
  },
  { seed: 1337, wrong: 'simulation: the collector was set back after its agents had stopped' },
  { seed: 1078, wrong: 'simulation: the same' },
  { seed: 3153, wrong: 'simulation: the same' },
  { seed: 2553, wrong: 'simulation: an agent that just woke up was believed that all had arrived' },
  { seed: 4379, wrong: 'simulation: what was on a disk that was wiped had no place in the account of a gap' },
  { seed: 4982, wrong: 'simulation: a watermark due to the clone of an agent counted as an acknowledgement' },
  { seed: 3325, wrong: 'simulation: the same, and nobody can compare what was dropped before' },
  { seed: 4148, wrong: 'simulation: the same' },
  {
    seed: 6116,
    wrong: 'simulation: a record that a process died over was taken for one that cannot be there',
  },
  { seed: 8097, wrong: 'simulation: what was freed as acknowledged was asked for after a rollback' },
  { seed: 8424, wrong: 'simulation: a collector that stood still was asked to end in a minute' },
  {
    seed: 10056,
    wrong: 'simulation: a host was missed, then there, then gone, and all of it counted as gone',
  },
  { seed: 10199, wrong: 'simulation: the same' },
  {
    seed: 4200,
    wrong:
      'simulation: a disk that was missing already was said to be missing, and the wait for gone began anew',
  },
  { seed: 30, wrong: 'simulation: nobody had told the judge of alerts that a dead receiver is an incident' },
  { seed: 235, wrong: 'simulation: a copy with a better clock changed the key, and shut the original out' },
  {
    seed: 2998,
    wrong: 'a clock that jumped made an agent change its key twice, and a collector was set back behind both',
  },
  { seed: 3006, wrong: 'simulation: an agent that waited after a doubled HELLO was expected to be there' },
  { seed: 4330, wrong: 'settings that a collector set back did not know stayed in force' },
  {
    seed: 6213,
    wrong: 'simulation: what a collector had said before it was set back still counted when it arrived after',
  },
];
