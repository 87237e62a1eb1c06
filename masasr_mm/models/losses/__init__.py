"""What the losses of training are made of besides mmagic's (Eq. 15–17); inference needs none."""
