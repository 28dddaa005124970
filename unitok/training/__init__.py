"""Training: LightningModules, losses, optimizers and guards."""
