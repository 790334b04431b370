"""The operators' console at `/console`: pages made here, which need no script. `routes` lists them, `page` is what each gets."""
