/**
 * The whole engine run over simulated disks from one seed, with faults, kills and power cuts, and
 * checked against a model that shares no code with it.
 *
 * <pre>
 *   seed ──► {@link io.nbdmirror.raid.simulation.SeedRun}: disks, one {@link
 *   io.nbdmirror.raid.simulation.Life} after the other
 *              │
 *              ├─ clients, upsets, verbs      what is done to the array
 *              ├─ watch                       what must hold at every request to a disk
 *              ├─ expected                    what a read may return
 *              └─ at rest, reassembly         what must hold of what a crash leaves behind
 * </pre>
 */
@NullMarked
package io.nbdmirror.raid.simulation;

import org.jspecify.annotations.NullMarked;
