"""Networks: generators, discriminator, perceptual features, and the GAN that trains them."""
