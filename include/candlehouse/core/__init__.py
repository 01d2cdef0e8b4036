"""Pure decisions: the standard library only, no input or output."""
