package config

import "syscall"

const noAtime = syscall.O_NOATIME
