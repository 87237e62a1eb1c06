"""One's own photos, from file to file: find, read, align, super-resolve, finish, report, write."""
