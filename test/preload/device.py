# SPDX-License-Identifier: BSD-2-Clause
# Python as an unmodified program with netmap descriptors: os.open, fcntl.ioctl, mmap, select, fork, subprocess.
import ctypes
import fcntl
import mmap
import os
import select
import struct
import subprocess

NIOCCTRL = 0xC0586997
NIOCTXSYNC = 0x6994
MODE, MEMSIZE = 36, 8  # in struct nmreq_register
NUM_SLOTS, HEAD = 8, 20  # in struct netmap_ring
RING_OFS = 56  # in struct netmap_if


def register(name):
    """A descriptor bound to the port, and its mapping."""
    fd = os.open("/dev/netmap", os.O_RDWR)
    reg = ctypes.create_string_buffer(256)
    struct.pack_into("<I", reg, MODE, 1)
    hdr = struct.pack("<HHI64sQQ", 14, 1, 0, name, 0, ctypes.addressof(reg))
    fcntl.ioctl(fd, NIOCCTRL, bytearray(hdr))
    return fd, mmap.mmap(fd, struct.unpack_from("<Q", reg, MEMSIZE)[0]), struct.unpack_from("<Q", reg, 0)[0]


def send(port):
    """One packet into the first tx ring: head and cur go one slot on."""
    fd, mem, nifp = port
    ring = nifp + struct.unpack_from("<q", mem, nifp + RING_OFS)[0]
    head = (struct.unpack_from("<I", mem, ring + HEAD)[0] + 1) % struct.unpack_from("<I", mem, ring + NUM_SLOTS)[0]
    struct.pack_into("<II", mem, ring + HEAD, head, head)
    fcntl.ioctl(fd, NIOCTXSYNC)


a, b = register(b"py{1"), register(b"py}1")

ep = select.epoll()
ep.register(b[0], select.EPOLLIN | select.EPOLLET)
assert ep.poll(0.01) == []
send(a)
assert ep.poll(5) == [(b[0], select.EPOLLIN)]
assert ep.poll(0.01) == []
assert select.select([b[0]], [], [], 1) == ([b[0]], [], [])
p = select.poll()
p.register(b[0], select.POLLIN)
assert p.poll(1000) == [(b[0], select.POLLIN)]

# A child that closes all it has got, by vfork or fork, must not take ours away.
subprocess.run(["true"], check=True)
subprocess.run(["true"], check=True, preexec_fn=lambda: None)
send(a)
assert ep.poll(5) == [(b[0], select.EPOLLIN)]

pid = os.fork()
if pid == 0:
    os.close(a[0])
    os.close(b[0])
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
send(a)
assert ep.poll(5) == [(b[0], select.EPOLLIN)]

pid = os.fork()
if pid == 0:
    send(a)
    os._exit(0 if ep.poll(5) == [(b[0], select.EPOLLIN)] else 1)
assert os.waitpid(pid, 0)[1] == 0
print("works")
