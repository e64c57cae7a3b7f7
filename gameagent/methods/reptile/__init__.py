"""Reptile: learns an initialisation by moving towards where gradient descent on each task ends."""
