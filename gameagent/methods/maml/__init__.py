"""MAML: learns an initialisation from which few gradient steps adapt."""
