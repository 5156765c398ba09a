/**
 * Rows of /proc/meminfo. The kernel prints a different set per version, architecture and configuration; this table
 * holds every key that a kernel since 2.6.32 is known to print, so that the catalogue stays closed. A key that is not
 * here is not sent but counted (`rollcall_agent_samples_dropped_total{reason="unknown"}`).
 * Source: fs/proc/meminfo.c, arch_report_meminfo of x86, s390 and powerpc, proc_meminfo(5).
 */
import { gauge } from './definition.ts';

function bytes(help: string) {
  return gauge({ unit: 'bytes', labels: [], scale: 0, help });
}

function pages(help: string) {
  return gauge({ unit: 'count', labels: [], scale: 0, help });
}

export const MEMORY_METRICS = {
  node_memory_MemTotal_bytes: bytes('Memory that the kernel can use.'),
  node_memory_MemFree_bytes: bytes('Memory that nothing uses, not even a cache.'),
  node_memory_MemAvailable_bytes: bytes('Estimate of what programs could get without swapping.'),
  node_memory_Buffers_bytes: bytes('Cache of raw block devices.'),
  node_memory_Cached_bytes: bytes('Cache of file contents, shared memory included.'),
  node_memory_SwapCached_bytes: bytes('Memory that was swapped in and still has its copy in swap.'),
  node_memory_Active_bytes: bytes('Memory used lately, reclaimed last.'),
  node_memory_Inactive_bytes: bytes('Memory not used lately, reclaimed first.'),
  node_memory_Active_anon_bytes: bytes('Active memory of programs, without a file behind it.'),
  node_memory_Inactive_anon_bytes: bytes('Inactive memory of programs, without a file behind it.'),
  node_memory_Active_file_bytes: bytes('Active memory with a file behind it.'),
  node_memory_Inactive_file_bytes: bytes('Inactive memory with a file behind it.'),
  node_memory_Unevictable_bytes: bytes('Memory that cannot be reclaimed.'),
  node_memory_Mlocked_bytes: bytes('Memory that programs have locked.'),
  node_memory_HighTotal_bytes: bytes('High memory of 32-bit kernels.'),
  node_memory_HighFree_bytes: bytes('Free high memory of 32-bit kernels.'),
  node_memory_LowTotal_bytes: bytes('Low memory of 32-bit kernels.'),
  node_memory_LowFree_bytes: bytes('Free low memory of 32-bit kernels.'),
  node_memory_MmapCopy_bytes: bytes('Memory that kernels without an MMU hold for mmap.'),
  node_memory_SwapTotal_bytes: bytes('Size of swap.'),
  node_memory_SwapFree_bytes: bytes('Swap that nothing uses.'),
  node_memory_Zswap_bytes: bytes('Memory that compressed swap pages take.'),
  node_memory_Zswapped_bytes: bytes('Size before compression of the pages in compressed swap.'),
  node_memory_Dirty_bytes: bytes('Memory that waits to be written to disk.'),
  node_memory_Writeback_bytes: bytes('Memory that is being written to disk.'),
  node_memory_AnonPages_bytes: bytes('Memory of programs mapped into their address space, without a file.'),
  node_memory_Mapped_bytes: bytes('Files mapped into the address space of programs.'),
  node_memory_Shmem_bytes: bytes('Shared memory and tmpfs.'),
  node_memory_KReclaimable_bytes: bytes('Kernel memory that can be reclaimed under pressure.'),
  node_memory_Slab_bytes: bytes("The kernel's caches of its own structures."),
  node_memory_SReclaimable_bytes: bytes('Part of the slab that can be reclaimed.'),
  node_memory_SUnreclaim_bytes: bytes('Part of the slab that cannot be reclaimed.'),
  node_memory_KernelStack_bytes: bytes('Kernel stacks of all tasks.'),
  node_memory_ShadowCallStack_bytes: bytes('Shadow call stacks of all tasks.'),
  node_memory_PageTables_bytes: bytes('Page tables of programs.'),
  node_memory_SecPageTables_bytes: bytes('Secondary page tables, such as those of virtual machines.'),
  node_memory_Quicklists_bytes: bytes('Page tables kept for reuse (old kernels).'),
  node_memory_NFS_Unstable_bytes: bytes(
    'Pages sent to an NFS server and not yet stored there (old kernels).',
  ),
  node_memory_Bounce_bytes: bytes('Bounce buffers of block devices.'),
  node_memory_WritebackTmp_bytes: bytes('Buffers of FUSE for writing back.'),
  node_memory_CommitLimit_bytes: bytes('Most memory that may be promised under strict overcommit.'),
  node_memory_Committed_AS_bytes: bytes('Memory promised to programs.'),
  node_memory_VmallocTotal_bytes: bytes('Address space for vmalloc.'),
  node_memory_VmallocUsed_bytes: bytes('Address space that vmalloc uses.'),
  node_memory_VmallocChunk_bytes: bytes('Largest free piece of the address space for vmalloc.'),
  node_memory_Percpu_bytes: bytes("Memory of the kernel's per-CPU variables."),
  node_memory_EarlyMemtestBad_bytes: bytes('Memory found bad by the early memory test.'),
  node_memory_HardwareCorrupted_bytes: bytes('Memory taken out of use because of hardware errors.'),
  node_memory_AnonHugePages_bytes: bytes('Transparent huge pages without a file behind them.'),
  node_memory_ShmemHugePages_bytes: bytes('Shared memory in huge pages.'),
  node_memory_ShmemPmdMapped_bytes: bytes('Shared memory mapped into programs as huge pages.'),
  node_memory_FileHugePages_bytes: bytes('File cache in huge pages.'),
  node_memory_FilePmdMapped_bytes: bytes('File cache mapped into programs as huge pages.'),
  node_memory_CmaTotal_bytes: bytes('Memory set aside for contiguous allocations.'),
  node_memory_CmaFree_bytes: bytes('Free memory among that set aside for contiguous allocations.'),
  node_memory_Unaccepted_bytes: bytes(
    'Memory of a confidential virtual machine that it has not accepted yet.',
  ),
  node_memory_Balloon_bytes: bytes('Memory that the hypervisor took back through a balloon.'),
  node_memory_GPUActive_bytes: bytes('System memory that graphics processors use.'),
  node_memory_GPUReclaim_bytes: bytes('System memory in the reclaimable pools of graphics drivers.'),
  node_memory_HugePages_Total: pages('Huge pages in the pool.'),
  node_memory_HugePages_Free: pages('Huge pages in the pool that nothing uses.'),
  node_memory_HugePages_Rsvd: pages('Huge pages promised and not yet taken.'),
  node_memory_HugePages_Surp: pages('Huge pages above the size of the pool.'),
  node_memory_Hugepagesize_bytes: bytes('Size of a huge page.'),
  node_memory_Hugetlb_bytes: bytes('Memory of all huge pages of all sizes.'),
  node_memory_DirectMap4k_bytes: bytes('Memory the kernel maps in pages of 4 KiB.'),
  node_memory_DirectMap64k_bytes: bytes('Memory the kernel maps in pages of 64 KiB.'),
  node_memory_DirectMap1M_bytes: bytes('Memory the kernel maps in pages of 1 MiB.'),
  node_memory_DirectMap2M_bytes: bytes('Memory the kernel maps in pages of 2 MiB.'),
  node_memory_DirectMap4M_bytes: bytes('Memory the kernel maps in pages of 4 MiB.'),
  node_memory_DirectMap1G_bytes: bytes('Memory the kernel maps in pages of 1 GiB.'),
  node_memory_DirectMap2G_bytes: bytes('Memory the kernel maps in pages of 2 GiB.'),
} as const;
