# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034
#
# The guest of run.sh and profile.sh, as arguments for test/vm/boot.sh. Read by both.
#
# The processor is one without "fast string" instructions, which the kernel would use to copy byte by byte: QEMU counts each
# repetition. virtio-net sends by a timer of the guest's time, not when a thread of QEMU gets round to it: then the numbers
# repeat. TOMOYO is left out of Debian's list of security modules: it looks at each ioctl, without a policy.
qemu_args="-cpu max,la57=off,erms=off,fsrm=off -global virtio-net-pci.tx=timer -global virtio-net-pci.x-txtimer=20000"
kernel_args="lsm=landlock,lockdown,yama,integrity,apparmor,bpf"
