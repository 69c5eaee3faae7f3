//! Stories about scenario files, stacks and plans.
