#!/bin/sh
printf 'Content-type: text/plain\r\n\r\n%s\n' "$(hostname)"
